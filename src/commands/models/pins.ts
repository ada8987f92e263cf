import type { Catalog } from "../../catalog/catalog.ts";
import { Failure } from "../../run/failure.ts";
import { commitPattern } from "../../run/repos/file-listing.ts";
import type { Work } from "../command-request.ts";
import { type GatheredSettings, settingsIn } from "../gather-settings.ts";
import { stacksHere } from "../stack/choose-stack.ts";

/** `OWNER/REPO@COMMIT` that this catalog, or one of a stack that was set up here, names. */
export async function pinnedCommits(
  { host, emit }: Pick<Work, "host" | "emit">,
  settings: GatheredSettings,
): Promise<ReadonlySet<string>> {
  const catalogs: Catalog[] = [settings.catalog];
  for (const stackDir of await stacksHere({ host, emit }, settings)) {
    try {
      catalogs.push((await settingsIn(host, settings, stackDir)).catalog);
    } catch (error) {
      // The stack itself says what is wrong with its catalog.
      if (!(error instanceof Failure)) throw error;
    }
  }
  const parts = catalogs.flatMap(({ models }) => models.flatMap((model) => model.parts));
  return new Set(
    parts.flatMap(({ repo, revision }) =>
      commitPattern.test(revision) ? [`${repo}@${revision}`] : [],
    ),
  );
}
