import type { CheckFinished } from "../../../run/events/machine.ts";
import type { Remediation, FailedChecks } from "../../../plan/interview.ts";
import type { RunState } from "../../../run/state.ts";
import { wrapText } from "../../text-width.ts";
import { failedChecksText, mendKeys, remediationText, remedyLine } from "../../messages/machine.ts";
import { cleanText } from "../../clean-text.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { blank, span, type Line, type Size } from "../line.ts";
import { headerLine } from "../live/header.ts";
import type { Theme } from "../theme.ts";
import type { Press } from "./keys.ts";

interface MachineView {
  readonly trouble: FailedChecks;
  /** The first check that is shown. */
  readonly from: number;
  readonly state: RunState;
  readonly size: Size;
  readonly theme: Theme;
}

/** What is not right with the machine, each with what mends it; the worst first, as many as have room. */
export function machinePage(view: MachineView): Line[] {
  const { trouble, from, state, size, theme } = view;
  const columns = frameColumns(size);
  const rows = frameRows(size);
  const blocks = trouble.checks.slice(from).map((check) => checkBlock(check, view));
  const least = (blocks[0]?.length ?? 0) + (blocks.length > 1 ? 2 : 1);
  const title = wrapText(failedChecksText(trouble), columns).map((text): Line => [
    span(text, "strong"),
  ]);
  const header = [headerLine({ state, size, theme })];
  const head = [
    ...(least + header.length <= rows ? header : []),
    ...(least + header.length + title.length <= rows ? title : []),
  ];
  const foot: Line[] = [[span(mendKeys(trouble, columns >= 60), "quiet")]];
  const advice = wrapText(remediationText, columns).map((text): Line => [span(text)]);
  let room = rows - head.length - foot.length;
  const shown: Line[] = [];
  for (const [index, block] of blocks.entries()) {
    const rest = blocks.length - index - 1;
    // The first is cut rather than left out: without it nobody knows what to do.
    const fits = index === 0 ? block.slice(0, room) : block;
    if (fits.length + (rest > 0 ? 1 : 0) > room && index > 0) {
      const { up, down } = theme.signs;
      shown.push([span(`+${rest + 1} more (${up} ${down})`, "quiet")]);
      room -= 1;
      break;
    }
    shown.push(...fits);
    room -= fits.length;
  }
  const withAdvice = room >= advice.length ? advice : [];
  const gap = room >= withAdvice.length + 2 ? [blank] : [];
  return [...head, ...gap, ...shown, ...gap, ...withAdvice, ...foot];
}

function checkBlock({ title, found, status, remedy }: CheckFinished, view: MachineView): Line[] {
  const { theme, size } = view;
  const sign = theme.signs[status];
  const indent = " ".repeat(sign.length + 1);
  const width = frameColumns(size) - indent.length;
  const said = wrapText(cleanText(found === "" ? title : `${title}: ${found}`), width);
  const mended = remedy === undefined ? [] : wrapText(cleanText(remedyLine(remedy)), width);
  return [
    ...said.map((text, index): Line => [
      index === 0 ? span(`${sign} `, status === "failed" ? "bad" : "warning") : span(indent),
      span(text),
    ]),
    ...mended.map((text): Line => [span(indent), span(text, "accent")]),
  ];
}

/** The first check that is shown after a key. */
export function movedOnMachine({ checks }: FailedChecks, from: number, press: Press): number {
  const letter = press.kind === "text" ? press.text : "";
  if (press.kind === "down" || letter === "j") return Math.min(checks.length - 1, from + 1);
  return press.kind === "up" || letter === "k" ? Math.max(0, from - 1) : from;
}

/** What a key on this page means; null: nothing. */
export function pressedOnMachine({ blocking }: FailedChecks, press: Press): Remediation | null {
  if (press.kind === "escape") return "stop";
  if (press.kind === "enter") return blocking ? null : "onward";
  if (press.kind !== "text") return null;
  const letter = press.text.toLowerCase();
  if (letter === "q") return "stop";
  return letter === "r" ? "again" : null;
}
