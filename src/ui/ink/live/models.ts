import type { ModelProgress, ModelState } from "../../../run/events/download.ts";
import { formatBytes, formatEta, formatSpeed } from "../../../run/units.ts";
import { cleanText } from "../../clean-text.ts";
import { downloadNote, percentOf } from "../../messages/download.ts";
import { padded, shorten, textWidth } from "../../text-width.ts";
import { type LiveView, spinnerSign } from "../header.ts";
import { frameColumns, type Line, span, type Span } from "../line.ts";
import type { Theme } from "../theme.ts";

/** A row for each model that is not here yet, in tier order, and "+N more" where rows are few. */
export function modelRows(view: LiveView, room: number): Line[] {
  const open = view.state.download.models.filter(({ state }) => state !== "ready");
  const columns = columnsFor(view);
  const shown = open.length <= room ? open : busiest(open, Math.max(0, room - 1));
  const left = open.length - shown.length;
  const rows = shown.map((model) => modelRow(model, view, columns));
  const notes = shown.map((model) => noteRow(model, view, columns));
  // Where a note has no room beside its model it gets a row below.
  const below = notes.filter((note) => note !== null).length;
  const fits = open.length + below <= room;
  const lines = rows.flatMap((row, index) => {
    const note = notes[index] ?? null;
    return fits && note !== null ? [row, note] : [row];
  });
  return left === 0 ? lines : [...lines, [span(`    +${left} more`, "quiet")]];
}

/** The bar over all, and where rows are many how many bytes are checked already. */
export function totalRows(view: LiveView, airy: boolean): Line[] {
  const { download } = view.state;
  const columns = columnsFor(view);
  if (download.finished !== null) {
    const words = `All models are here, ${formatBytes(download.totalBytes)}.`;
    return [[span(`${view.theme.symbols.ok} `, "good"), span(words)]];
  }
  const all = { ...download, title: "All", state: stateNow("downloading", view) };
  const indent = " ".repeat(view.theme.symbols.ok.length + 1);
  const row: Line = [span(indent), ...figures(all, columns, view.theme, "strong")];
  if (!airy || download.verifiedBytes === 0) return [row];
  return [row, [span(`${indent}${formatBytes(download.verifiedBytes)} of it checked`, "quiet")]];
}

/** What works comes before what waits; tier order otherwise, which is the order they come in. */
function busiest(models: readonly ModelProgress[], room: number): readonly ModelProgress[] {
  const chosen = new Set(
    models.toSorted((a, b) => Number(isIdle(a)) - Number(isIdle(b))).slice(0, room),
  );
  return models.filter((model) => chosen.has(model));
}

function isIdle({ state }: ModelProgress): boolean {
  return state === "waiting";
}

function columnsFor(view: LiveView): ModelColumns {
  const titles = view.state.download.models.map(({ title }) => title);
  const signWidth = view.theme.symbols.ok.length + 1;
  return modelColumns(frameColumns(view.size) - signWidth, titles);
}

function modelRow(model: ModelProgress, view: LiveView, columns: ModelColumns): Line {
  const words = noteText(model, view);
  const sign = modelSign(model, view, words !== null);
  if (words === null) {
    // Its bytes wait for those of models before it: its time left would not match its speed.
    const shown = { ...model, state: stateNow(model.state, view), etaSeconds: null };
    return [sign, span(" "), ...figures(shown, columns, view.theme, "plain")];
  }
  return [
    sign,
    span(" "),
    span(titleText(model.title, columns, view.theme)),
    span(` ${percentText(model)} `),
    // Where there is no room for the words they stand on a row of their own.
    span(columns.bar > 0 ? words : heldText(model, view), "warning"),
  ];
}

/** What holds the model up on a row of its own; null where nothing does or it stands beside the model already. */
function noteRow(model: ModelProgress, view: LiveView, columns: ModelColumns): Line | null {
  const words = noteText(model, view);
  if (words === null || columns.bar > 0) return null;
  return [span(" ".repeat(view.theme.symbols.ok.length + 1)), span(words, "warning")];
}

function noteText(model: ModelProgress, view: LiveView): string | null {
  const note = view.state.download.notes[model.id];
  return note === undefined ? null : cleanText(downloadNote(note, view.elapsedMs));
}

function heldText({ id }: ModelProgress, view: LiveView): string {
  const note = view.state.download.notes[id];
  return note?.kind === "retrying" ? "held up" : "waiting";
}

function modelSign(model: ModelProgress, view: LiveView, held: boolean): Span {
  const { symbols } = view.theme;
  if (model.state === "failed") return span(symbols.failed, "bad");
  if (held || model.state === "retrying") return span(symbols.warning, "warning");
  const rests = stateNow(model.state, view) === "paused";
  if (rests || model.state === "waiting") return span(symbols.waiting, "quiet");
  return span(model.state === "downloading" ? symbols.coming : spinnerSign(view), "accent");
}

function stateNow(state: ModelState, { state: { download } }: LiveView): Figures["state"] {
  return download.paused && state === "downloading" ? "paused" : state;
}

type Figures = Pick<
  ModelProgress,
  "title" | "receivedBytes" | "verifiedBytes" | "totalBytes" | "bytesPerSecond" | "etaSeconds"
> & { readonly state: ModelState | "paused" };

function figures(
  model: Figures,
  columns: ModelColumns,
  theme: Theme,
  role: "plain" | "strong",
): Line {
  const line: Span[] = [span(titleText(model.title, columns, theme), role)];
  if (columns.bar > 0) {
    const [full, empty] = barText(model, columns.bar, theme);
    line.push(span(" "), span(full, "accent"), span(empty, "quiet"));
  }
  if (columns.percent) line.push(span(` ${percentText(model)}`));
  if (columns.sizes > 0) line.push(span(` ${sizesText(model).padStart(columns.sizes)}`));
  return [
    ...line,
    span(` ${stateText(model, columns)}`, model.state === "waiting" ? "quiet" : "plain"),
  ];
}

function titleText(text: string, columns: ModelColumns, theme: Theme): string {
  return padded(shorten(cleanText(text), columns.title, theme.symbols.ellipsis), columns.title);
}

function percentText({ receivedBytes, totalBytes }: Figures): string {
  return `${percentOf(receivedBytes, totalBytes)}%`.padStart(4);
}

function sizesText({ receivedBytes, totalBytes }: Figures): string {
  const [received = "", unit] = formatBytes(receivedBytes).split(" ");
  const total = formatBytes(totalBytes);
  // "1.20/3.09 GB", "872 MB/5.09 GB".
  return total.endsWith(` ${unit ?? ""}`)
    ? `${received}/${total}`
    : `${received} ${unit ?? ""}/${total}`;
}

/** What it does now: speed and time left while bytes come, a word otherwise. */
function stateText(model: Figures, columns: ModelColumns): string {
  switch (model.state) {
    case "waiting":
      return model.totalBytes > 0 && model.receivedBytes >= model.totalBytes ? "here" : "waiting";
    case "retrying":
      return "trying again";
    case "verifying":
      return `checking, ${percentOf(model.verifiedBytes, model.totalBytes)}% done`;
    case "repairing":
      return "repairing";
    case "ready":
      return "checked";
    case "failed":
      return "failed";
    case "paused":
      return "paused";
    case "downloading": {
      const speed = formatSpeed(model.bytesPerSecond).padStart(columns.speed);
      const left = model.etaSeconds === null ? "" : `${formatEta(model.etaSeconds)} left`;
      return columns.eta > 0 && left !== "" ? `${speed}  ${left}` : speed;
    }
  }
}

/** Never full before everything is here. */
function barText(
  { receivedBytes, totalBytes }: Figures,
  width: number,
  theme: Theme,
): [string, string] {
  const share = totalBytes <= 0 ? 1 : Math.min(1, receivedBytes / totalBytes);
  const full = share >= 1 ? width : Math.min(width - 1, Math.floor(share * width));
  return [theme.symbols.barFull.repeat(full), theme.symbols.barEmpty.repeat(width - full)];
}

/** Widths of the parts of a model's row; 0 where there is no room for one. */
export interface ModelColumns {
  readonly title: number;
  readonly bar: number;
  /** Left out where the sizes say the same and room is short. */
  readonly percent: boolean;
  readonly sizes: number;
  readonly speed: number;
  readonly eta: number;
}

const percentWidth = 5;
const sizesWidth = "872 MB/5.09 GB".length;
const speedWidth = "38.2 MB/s".length;
const etaWidth = "  1 min 20 s left".length;
const shortestBar = 8;
const goodBar = 16;
const longestBar = 60;

/** What fits into so many columns: title and speed always; then time left, sizes or percent or both, and the bar with the rest. */
export function modelColumns(columns: number, titles: readonly string[]): ModelColumns {
  const longest = Math.max(12, ...titles.map((title) => textWidth(title)));
  const speed = speedWidth;
  if (columns < 56) {
    const title = Math.max(6, Math.min(longest, columns - percentWidth - 1 - speedWidth));
    return { title, bar: 0, percent: true, sizes: 0, speed, eta: 0 };
  }
  const title = Math.min(longest, Math.floor(columns / 3));
  const rest = columns - title - 1 - 1 - speedWidth - etaWidth;
  const forSizes = sizesWidth + 1;
  const sizes = rest - forSizes >= shortestBar ? sizesWidth : 0;
  const left = rest - (sizes === 0 ? 0 : forSizes);
  const percent = sizes === 0 || left - percentWidth >= goodBar;
  const bar = Math.min(longestBar, Math.max(shortestBar, left - (percent ? percentWidth : 0)));
  return { title, bar, percent, sizes, speed, eta: etaWidth };
}
