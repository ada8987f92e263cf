import type { PlanReady } from "../../../run/events/plan.ts";
import { cleanText } from "../../clean-text.ts";
import { fileText, planLines } from "../../messages/plan.ts";
import { textWidth, wrapText } from "../../text-width.ts";
import { blank, footLine, frameColumns, frameRows, type Line, type Size, span } from "../line.ts";
import type { Role } from "../theme.ts";
import { buttons } from "./press.ts";
import { waitSpan, wizardHeader, type WizardView } from "../header.ts";

/** The summary: what will be downloaded and started, which files change and how; then yes, back or stop. */
export function summaryPage(view: WizardView): Line[] {
  const { wizard } = view;
  const columns = frameColumns(view.size);
  const rows = frameRows(view.size);
  const header = wizardHeader(view);
  if (wizard.effect !== null) {
    return [header, [waitSpan(view), span(" Working out what would change")]];
  }
  if (wizard.plan === null) {
    const problem = wrapText(cleanText(wizard.problem ?? ""), columns - 5).map((text): Line => [
      span(`    ${text}`, "warning"),
    ]);
    return [
      header,
      [span(`${view.theme.symbols.failed} This plan does not work.`, "bad")],
      ...problem,
      blank,
      footLine(["Esc: back", "q: stop"], view.size),
    ];
  }
  const promise = columns < 60 ? [] : [span(" Nothing has been changed yet.")];
  const title: Line = [span("Is this right?", "strong"), ...promise];
  const lines = summaryLines(wizard.plan, columns);
  const airy = rows >= airyRows;
  const room = summaryRoom(view.size);
  const scroll = boundedScroll(wizard.scroll, lines.length, room);
  const shown = lines.slice(scroll, scroll + room);
  return [
    header,
    title,
    ...(airy ? [blank] : []),
    ...shown,
    ...(airy ? [blank] : []),
    buttonLine(view),
    keyLine(view, { scroll, room, total: lines.length }),
  ];
}

const airyRows = 16;

function summaryRoom(size: Size): number {
  const rows = frameRows(size);
  return Math.max(1, rows - 4 - (rows >= airyRows ? 2 : 0));
}

/** The scroll that is shown, so that a key back is seen at once. */
export function withinSummary(scroll: number, size: Size, plan: PlanReady): number {
  const total = summaryLines(plan, frameColumns(size)).length;
  return boundedScroll(scroll, total, summaryRoom(size));
}

/** How far the text can be scrolled so that its last row stays the last. */
export function boundedScroll(scroll: number, total: number, room: number): number {
  return Math.min(scroll, Math.max(0, total - room));
}

/** Facts, then each file with its diff in colours; a sign stands before each line of a diff anyway. */
export function summaryLines(plan: PlanReady, columns: number): Line[] {
  const facts = planLines(plan).flatMap((text) => hanging(cleanText(text), columns));
  const files = plan.files.flatMap((file): Line[] => [
    ...hanging(cleanText(fileText(file)), columns, "strong"),
    ...(file.diff ?? "")
      .split("\n")
      .filter((line) => line !== "" && !/^(---|\+\+\+) /.test(line))
      .flatMap((line) => diffLines(line, columns)),
  ]);
  const changed = plan.files.some(({ action }) => action !== "unchanged");
  return [
    ...facts,
    ...(plan.files.length === 0 ? [] : [blank]),
    ...(plan.files.length > 0 && !changed
      ? [[span("No file changes.", "good")] satisfies Line]
      : []),
    ...files,
  ];
}

/** Wrapped, with the later lines a little to the right. */
function hanging(text: string, columns: number, role: Role = "plain"): Line[] {
  return wrapText(text, columns - 2).map((line, index): Line => [
    span(index === 0 ? line : `  ${line}`, role),
  ]);
}

/** A line of a diff; one that is too long goes on further to the right, under its sign. */
function diffLines(line: string, columns: number): Line[] {
  const role = diffRole(line);
  const text = cleanText(line);
  // Wrapping would close up columns that somebody aligned.
  if (textWidth(text) + 2 <= columns) return [[span(`  ${text}`, role)]];
  const [, indent = ""] = /^(.\s*)/.exec(text) ?? [];
  const rest = wrapText(text.slice(indent.length), Math.max(10, columns - indent.length - 4));
  return rest.map((part, index): Line => [
    span(index === 0 ? `  ${indent}${part}` : `  ${" ".repeat(indent.length)}  ${part}`, role),
  ]);
}

function diffRole(line: string): Role {
  if (line.startsWith("+")) return "good";
  if (line.startsWith("-")) return "bad";
  return line.startsWith("@@") ? "accent" : "quiet";
}

function buttonLine({ wizard, theme }: WizardView): Line {
  return buttons.flatMap((label, index) => {
    const under = index === wizard.cursor;
    return [
      span(under ? `${theme.symbols.pointer} ` : "  ", "accent"),
      span(label, under ? "accent" : "plain"),
      span("  "),
    ];
  });
}

function keyLine(
  { theme, size }: WizardView,
  place: { readonly scroll: number; readonly room: number; readonly total: number },
): Line {
  const { up, down } = theme.symbols;
  const last = Math.min(place.total, place.scroll + place.room);
  const isLong = place.total > place.room;
  const more = isLong ? `${up} ${down}: read on (${last} of ${place.total})` : "";
  const short = isLong ? `${up} ${down} ${last}/${place.total}` : "";
  return footLine(["y: yes", more, "Esc: back", "?: help", "q: stop"], size, [
    "y: yes",
    short,
    "Esc: back",
  ]);
}
