import path from "node:path";
import { isSetUp, usualFolder } from "../../deploy/compose/compose-files.ts";
import { lookAtPlace } from "../../host/places.ts";
import type { Host } from "../../host/host.ts";
import { expandPath } from "../../source/hub/environment.ts";
import { forgetStack, isGone, listKnownStacks } from "../../record/known-stacks.ts";
import { failure } from "../../run/failures/table.ts";
import type { Work } from "../command-request.ts";
import { type GatheredSettings, settingsIn, tellOther } from "../gather-settings.ts";

type Choosing = Pick<Work, "host" | "emit">;

/**
 * Every stack that was set up here, by its folder. One that was set up before heros kept a list is found at the usual place.
 * A stack whose folder was deleted is dropped, and said once.
 */
export async function stacksHere(
  { host, emit }: Choosing,
  { stateDir, catalog }: GatheredSettings,
): Promise<readonly string[]> {
  const usual = usualFolder(host, catalog.stack);
  const known = await listKnownStacks(host, stateDir);
  const here = new Set((await isSetUp(host, usual)) ? [usual] : []);
  for (const stack of known) {
    const { stackDir, finished } = stack;
    if (await isSetUp(host, stackDir)) here.add(stackDir);
    else if (
      finished &&
      (await isGone(host, stackDir)) &&
      (await lookAtPlace(host, stackDir)).unmounted === null
    ) {
      await forgetStack(host, stack);
      emit({
        type: "notice",
        level: "info",
        code: "stack.gone",
        message: `The stack in ${stackDir} is no longer listed: its folder was deleted.`,
      });
    }
  }
  return [...here];
}

/** The stack that `--stack` names: by its folder, or by the name of that where it is the only one. @throws Failure `stack.unknown` (2) */
async function namedStack(host: Host, name: string, here: readonly string[]): Promise<string> {
  const folder = path.resolve(host.cwd, expandPath(name, host));
  if (here.includes(folder) || (await isSetUp(host, folder))) return folder;
  const matching = here.filter((each) => path.basename(each) === name);
  const [only] = matching;
  if (only !== undefined && matching.length === 1) return only;
  throw failure("stack.unknown", { name, known: matching.length > 1 ? matching : here });
}

/** Those that a command without a word about one is about: the one that is named, else all. */
export async function stacksToShow(
  work: Choosing,
  settings: GatheredSettings,
): Promise<readonly string[]> {
  const { stack, stackDir, isStackDirGiven } = settings;
  if (stack === null && isStackDirGiven) return [stackDir];
  const here = await stacksHere(work, settings);
  if (stack !== null) return [await namedStack(work.host, stack, here)];
  return here.length === 0 ? [stackDir] : here;
}

/**
 * The same settings for the one stack that a command is about: the one that is named, else the only one, else the one in
 * the current folder.
 * @param needsOne false where the usual one stands for all others
 * @throws Failure `stack.unknown`, `stack.ambiguous` (2)
 */
export async function chooseStack(
  work: Choosing,
  settings: GatheredSettings,
  { needsOne = true }: { readonly needsOne?: boolean } = {},
): Promise<GatheredSettings> {
  const stacks = await stacksToShow(work, settings);
  const { cwd } = work.host;
  const [first] = stacks;
  const current = stacks.find((each) => cwd === each || cwd.startsWith(`${each}${path.sep}`));
  const chosen = stacks.length === 1 ? first : current;
  if (chosen !== undefined) {
    const own = await settingsIn(work.host, settings, chosen);
    tellOther(work, settings, own);
    return own;
  }
  if (needsOne) throw failure("stack.ambiguous", { known: stacks });
  return settings;
}
