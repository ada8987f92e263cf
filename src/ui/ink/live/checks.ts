import type { CheckState } from "../../../progress/state.ts";
import { remedyLine } from "../../words/machine.ts";
import { cleanText } from "../../legible.ts";
import { span, type Line } from "../line.ts";
import type { Role } from "../theme.ts";
import { spinnerSign } from "./header.ts";
import type { LiveView } from "./view.ts";

const roles: Readonly<Record<CheckState["status"], Role>> = {
  ok: "good",
  warning: "warning",
  failed: "bad",
  running: "accent",
};

/** The checks as they tick in; where rows are few, those that still run and those that went wrong come first. */
export function checkRows(view: LiveView, room: number): Line[] {
  const { checks } = view.state;
  const remedies = checks.filter(({ remedy }) => remedy !== null).length;
  if (checks.length + remedies <= room) return checks.flatMap((check) => checkLines(check, view));
  if (checks.length <= room) return checks.map((check) => checkLine(check, view));
  const shown = checks.toSorted((a, b) => urgency(a) - urgency(b)).slice(0, Math.max(0, room - 1));
  const more: Line = [span(`+${checks.length - shown.length} more`, "quiet")];
  return [...shown.map((check) => checkLine(check, view)), more];
}

function urgency({ status }: CheckState): number {
  return { failed: 0, running: 1, warning: 2, ok: 3 }[status];
}

function checkLines(check: CheckState, view: LiveView): Line[] {
  if (check.remedy === null) return [checkLine(check, view)];
  return [checkLine(check, view), [span(`    ${cleanText(remedyLine(check.remedy))}`, "quiet")]];
}

function checkLine(check: CheckState, view: LiveView): Line {
  const sign = check.status === "running" ? spinnerSign(view) : view.theme.signs[check.status];
  const found = check.found === "" ? "" : `: ${cleanText(check.found)}`;
  return [span(sign, roles[check.status]), span(` ${check.title}`), span(found)];
}
