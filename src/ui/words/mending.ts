import type { Trouble } from "../../plan/mending.ts";

/** What the checks came to, above the list of them. */
export function troubleWords({ blocking, checks }: Trouble): string {
  if (!blocking) return "Annie can be set up here, but not all is right.";
  return checks.length === 1
    ? "This keeps Annie from running here."
    : "Some of this keeps Annie from running here.";
}

/** What to do about it. */
export const mendWords = "Mend it in another window, then check again. Nothing has been changed.";

/** The keys of the page. */
export function mendKeys({ blocking }: Trouble, wide: boolean): string {
  const keys = ["r: check again", ...(blocking ? [] : ["Enter: go on"]), "q: stop"];
  return keys.join(wide ? "   " : "  ");
}
