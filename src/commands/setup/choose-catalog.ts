import { isSetUp } from "../../deploy/compose/compose-files.ts";
import { listKnownStacks } from "../../record/known-stacks.ts";
import type { Person } from "../../plan/interview.ts";
import type { Work } from "../command-request.ts";
import { type GatheredSettings, settingsFor, settingsIn } from "../gather-settings.ts";
import { openCatalog, shippedCatalogs } from "../open-catalog.ts";

/**
 * Which stack a setup is about where nobody names one: the only one that was set up here, with its catalog; where there is
 * none yet, the person is asked, and who is not asked gets the default.
 * @returns null where the person stops
 */
export async function chooseCatalog(
  { host, signal }: Pick<Work, "host" | "signal">,
  settings: GatheredSettings,
  { choose }: Pick<Person, "choose">,
): Promise<GatheredSettings | null> {
  const { given, isStackDirGiven, stateDir, assetsDir } = settings;
  if (given.catalog !== undefined || isStackDirGiven) return settings;
  const [only, ...others] = await listKnownStacks(host, stateDir);
  if (only !== undefined) {
    const known = others.length > 0 ? settings : await settingsIn(host, settings, only.stackDir);
    // One of the default catalog has its usual folder, wherever others of it are.
    return known.given.catalog === undefined ? settings : known;
  }
  if (choose === undefined || (await isSetUp(host, settings.stackDir))) return settings;
  const catalogs = await Promise.all(
    shippedCatalogs.map(async (name) => ({ name, ...(await openCatalog(host, assetsDir, name)) })),
  );
  const chosen = await choose(
    {
      question: "What do you want to set up?",
      options: catalogs.map(({ name, stack }) => ({
        value: name,
        label: stack.title,
        detail: stack.gives ?? "",
      })),
    },
    signal,
  );
  if (chosen === null) return null;
  return chosen === shippedCatalogs[0] ? settings : settingsFor(host, settings, chosen);
}
