import type { PlannedImage } from "../../../run/events/download.ts";
import type { PlannedFile, PlanReady } from "../../../run/events/plan.ts";
import { groupsWith, totalsOf } from "../../../plan/totals.ts";
import { formatBytes } from "../../../run/units.ts";
import { cleanText } from "../../clean-text.ts";
import { padded, shorten, textWidth, wrapText, wrapWhole } from "../../text-width.ts";
import {
  cachedText,
  diffCounts,
  diffLines,
  downloadText,
  fileText,
  type PlanFact,
  planFacts,
  imagesToFetch,
  unpackedText,
} from "../../messages/plan.ts";
import { imageTitle } from "../../messages/download.ts";
import { memoryAndDisk } from "../../messages/totals.ts";
import { waitSpan, wizardHeader, type WizardView } from "../header.ts";
import {
  blank,
  footLine,
  frameColumns,
  frameRows,
  type Line,
  lineWidth,
  type Size,
  span,
  type Span,
  spread,
} from "../line.ts";
import type { Role, Theme } from "../theme.ts";
import { buttons } from "./press.ts";

/** The review: what will be downloaded and started, and how many lines of which files change; then yes, back or quit. */
export function summaryPage(view: WizardView): Line[] {
  const { wizard, theme } = view;
  const columns = frameColumns(view.size);
  const header = wizardHeader(view);
  if (wizard.effect !== null) {
    return [header, [waitSpan(view), span(" Preparing the plan")]];
  }
  if (wizard.plan === null) {
    const problem = wrapText(cleanText(wizard.problem ?? ""), columns - 5).map((text): Line => [
      span(`    ${text}`, "warning"),
    ]);
    return [
      header,
      [span(`${theme.symbols.failed} This plan does not work.`, "bad")],
      ...problem,
      blank,
      footLine(["Esc: back", "q: quit"], view.size),
    ];
  }
  const lines = summaryLines(view, wizard.plan);
  const airy = frameRows(view.size) >= airyRows;
  const room = summaryRoom(view.size);
  const scroll = boundedScroll(wizard.scroll, lines.length, room);
  const promise = columns < 60 ? [] : [span(" Nothing has been changed yet.")];
  const title: Line = [
    span(`Set up ${wizard.interview.catalog.stack.assistant} like this?`, "strong"),
    ...promise,
  ];
  const last = Math.min(lines.length, scroll + room);
  const more = `${theme.symbols.up} ${theme.symbols.down} ${last}/${lines.length}`;
  return [
    header,
    lines.length > room ? spread(title, [span(more, "quiet")], columns, theme) : title,
    ...(airy ? [blank] : []),
    ...lines.slice(scroll, scroll + room),
    ...(airy ? [blank] : []),
    buttonLine(view),
    footLine(["y: start", "n: quit", "d: file changes", "Esc: back", "?: help"], view.size, [
      "y: start",
      "n: quit",
      "d: changes",
      "?: help",
    ]),
  ];
}

const airyRows = 16;

function summaryRoom(size: Size): number {
  const rows = frameRows(size);
  return Math.max(1, rows - 4 - (rows >= airyRows ? 2 : 0));
}

/** The scroll that is shown, so that a key back is seen at once. */
export function withinSummary(view: WizardView, plan: PlanReady): number {
  const total = summaryLines(view, plan).length;
  return boundedScroll(view.wizard.scroll, total, summaryRoom(view.size));
}

/** How far the text can be scrolled so that its last row stays the last. */
export function boundedScroll(scroll: number, total: number, room: number): number {
  return Math.min(scroll, Math.max(0, total - room));
}

/** Labels in a column and what they stand for beside them; where columns are few, below them. */
function summaryLines(view: WizardView, plan: PlanReady): Line[] {
  const columns = frameColumns(view.size);
  const { bytesPerSecond } = view.wizard.interview;
  const facts = [
    { label: "Download", value: downloadText(plan, bytesPerSecond) },
    ...planFacts(plan),
    ...(plan.memory === undefined ? [{ label: "Needs", value: needsText(view, plan) }] : []),
    ...plan.files.flatMap((file) => backupFact(file, plan)),
  ];
  const { images = [] } = plan;
  const labels = [
    "Models",
    ...(images.length === 0 ? [] : ["Images"]),
    "Files",
    ...facts.map(({ label }) => label),
  ];
  const width = Math.max(...labels.map((label) => textWidth(label))) + 2;
  const isNarrow = columns < 50;
  const indent = isNarrow ? 2 : width;
  const told = facts.map(({ label, value }: PlanFact) => ({
    label,
    rows: wrapText(cleanText(value), columns - indent).map((text): Line => [span(text)]),
  }));
  const models = { label: "Models", rows: modelRows(view, plan, columns - indent) };
  const withImages =
    images.length === 0
      ? []
      : [{ label: "Images", rows: imageRows(view, images, columns - indent) }];
  const files = { label: "Files", rows: fileRows(plan, columns - indent) };
  // Where rows are few too, what is to be agreed to is seen first.
  const early = isNarrow ? ["Download", "Disk", "Memory"] : ["Download"];
  const sizes = told.filter(({ label }) => early.includes(label));
  const others = told.filter(({ label }) => !early.includes(label));
  const blocks = isNarrow
    ? [...sizes, files, models, ...withImages, ...others]
    : [models, ...withImages, ...sizes, files, ...others];
  return blocks.flatMap(({ label, rows }) => {
    if (!isNarrow) return labelled(label, rows, width);
    const [first = blank] = rows;
    const beside = label.length + 1 + lineWidth(first);
    return rows.length === 1 && beside <= columns
      ? labelled(label, rows, label.length + 1)
      : [[span(label, "quiet")], ...labelled("", rows, indent)];
  });
}

/** "10.3 of 121.6 GiB memory · 3.12 TB free", the disk where it is the one that was looked at, and has no row of its own. */
function needsText(
  { theme, wizard: { interview, answers } }: WizardView,
  { disks = [] }: PlanReady,
): string {
  const totals = totalsOf(interview, groupsWith(interview, answers.groups));
  const isElsewhere = disks.length > 0 || answers.storage.startsWith("/");
  return memoryAndDisk({ ...totals, freeBytes: isElsewhere ? null : totals.freeBytes }).join(
    ` ${theme.symbols.separator} `,
  );
}

function labelled(label: string, rows: readonly Line[], width: number): Line[] {
  return rows.map((row, index) => [span(padded(index === 0 ? label : "", width), "quiet"), ...row]);
}

/** A row a model behind the name of its set, its size in a column. */
function modelRows({ theme, wizard }: WizardView, { models }: PlanReady, room: number): Line[] {
  const { groups, models: known } = wizard.interview.catalog;
  const groupOf = (id: string | undefined) => known.find((model) => model.id === id)?.group;
  const sets = models.map(({ id }, index) =>
    index > 0 && groupOf(models[index - 1]?.id) === groupOf(id)
      ? ""
      : cleanText(groups.find((group) => group.id === groupOf(id))?.title ?? ""),
  );
  const setWidth = Math.max(0, ...sets.map((set) => textWidth(set))) + 2;
  // Where columns are few, the models' own names have them.
  const isNamed = room - setWidth >= 48;
  const columns = isNamed ? room - setWidth : room;
  return sizedRows(models, columns, theme).map((row, index) => [
    ...(isNamed ? [span(padded(sets[index] ?? "", setWidth))] : []),
    ...row,
  ]);
}

/** A row an image, and what they come to once they are unpacked. */
function imageRows({ theme }: WizardView, images: readonly PlannedImage[], room: number): Line[] {
  const titled = imagesToFetch(images).map((each) => ({
    ...each,
    title: imageTitle(each.image, images),
  }));
  return [...sizedRows(titled, room, theme), [span(unpackedText(images).join("; "), "quiet")]];
}

interface Sized {
  readonly title: string;
  readonly totalBytes: number;
  readonly cachedBytes: number;
  readonly baked?: true;
}

/** Titles, and sizes in a column. */
function sizedRows(items: readonly Sized[], columns: number, { symbols }: Theme): Line[] {
  const sizes = items.map(({ totalBytes }) => (totalBytes === 0 ? "" : formatBytes(totalBytes)));
  const sizeWidth = Math.max(0, ...sizes.map((size) => size.length));
  const titles = items.map(({ title }) => cleanText(title));
  const widest = Math.max(0, ...titles.map((title) => textWidth(title)));
  const width = Math.min(widest, columns - sizeWidth - 2);
  return items.map((item, index) => [
    span(padded(shorten(titles[index] ?? "", width, symbols.ellipsis), width)),
    span(`  ${(sizes[index] ?? "").padStart(sizeWidth)}`),
    ...noteOf(cachedText(item), columns - width - sizeWidth - 4),
  ]);
}

function noteOf(note: string, columns: number): Span[] {
  return note === "" || note.length > columns ? [] : [span(`  ${note}`, "quiet")];
}

/** "+128 docker-compose.yml  +24 docker-compose.heros.yml  +4 .env", as many in a row as fit. */
function fileRows(plan: PlanReady, columns: number): Line[] {
  const changed = plan.files.filter(({ action }) => action !== "unchanged");
  if (changed.length === 0) return [[span("no changes", "good")]];
  return changed.reduce<Line[]>((rows, file) => {
    const entry = fileSpans(file, plan);
    const row = rows.at(-1);
    const joined = row === undefined ? entry : [...row, span("  "), ...entry];
    return row !== undefined && lineWidth(joined) <= columns
      ? [...rows.slice(0, -1), joined]
      : [...rows, entry];
  }, []);
}

function fileSpans(file: PlannedFile, plan: PlanReady): Span[] {
  const { added, removed } = diffCounts(file);
  return [
    ...(added === 0 ? [] : [span(`+${added} `, "good")]),
    ...(removed === 0 ? [] : [span(`-${removed} `, "bad")]),
    span(shownPath(file.path, plan)),
  ];
}

/** Below the stack's folder, which the page names, without it. */
function shownPath(file: string, { stackDir }: PlanReady): string {
  return cleanText(file.startsWith(`${stackDir}/`) ? file.slice(stackDir.length + 1) : file);
}

function backupFact(file: PlannedFile, plan: PlanReady): PlanFact[] {
  if (file.backupPath === undefined) return [];
  const value = `your ${shownPath(file.path, plan)} is saved as ${shownPath(file.backupPath, plan)}`;
  return [{ label: "Backup", value }];
}

/** Each file with its diff in colours; a sign stands before each line of a diff anyway. */
export function diffRows(plan: PlanReady, columns: number): Line[] {
  const changed = plan.files.some(({ action }) => action !== "unchanged");
  return [
    ...(changed ? [] : [[span("No file changes.", "good")] satisfies Line]),
    ...plan.files.flatMap((file): Line[] => [
      ...hanging(cleanText(fileText(file)), columns, "strong"),
      ...diffLines(file.diff ?? "").flatMap((line) => rowsOfDiff(line, columns)),
    ]),
  ];
}

/** Wrapped, with the later lines a little to the right. */
function hanging(text: string, columns: number, role: Role): Line[] {
  return wrapText(text, columns - 2).map((line, index): Line => [
    span(index === 0 ? line : `  ${line}`, role),
  ]);
}

/** A line of a diff; one that is too long goes on further to the right, under its sign, with every space that it has. */
function rowsOfDiff(line: string, columns: number): Line[] {
  const role = diffRole(line);
  const text = cleanText(line);
  if (textWidth(text) + 2 <= columns) return [[span(`  ${text}`, role)]];
  const [, indent = ""] = /^(.\s*)/.exec(text) ?? [];
  const rest = wrapWhole(text.slice(indent.length), Math.max(10, columns - indent.length - 4));
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
