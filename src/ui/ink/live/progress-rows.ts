import type { ModelProgress, ModelState } from "../../../run/events/download.ts";
import type { ContainerChanged } from "../../../run/events/stack.ts";
import type { RunState } from "../../../run/state.ts";
import { formatBytes, formatBytesOf, formatEta, formatSpeed } from "../../../run/units.ts";
import { cleanText } from "../../clean-text.ts";
import { containerLine } from "../../messages/stack.ts";
import { downloadNote, percentOf } from "../../messages/download.ts";
import { padded, shorten, textWidth } from "../../text-width.ts";
import { type LiveView, spinnerSign } from "../header.ts";
import { frameColumns, type Line, lineWidth, span, type Span } from "../line.ts";
import type { Theme } from "../theme.ts";

/** The bar over all models, as wide as the screen, and what it comes to below. */
export function totalRows(view: LiveView): Line[] {
  const { download } = view.state;
  const { theme } = view;
  if (download.finished !== null) {
    const words = ` All models are ready (${formatBytes(download.totalBytes)}).`;
    return [[span(theme.symbols.ok, "good"), span(words)]];
  }
  const columns = frameColumns(view.size);
  const percent = percentText(download);
  const bar = heavyBar(download, columns - percent.length - 1, theme);
  return [[...bar, span(" "), span(percent, "strong")], figuresLine(view, columns)];
}

/** "17.1/32.1 GB   38.2 MB/s   6 min 40 s left"; where columns are few what the bar does not say. */
function figuresLine({ state: { download } }: LiveView, columns: number): Line {
  const sizes = span(sizesText(download), "strong");
  if (download.paused) return [sizes];
  const left = timeLeft(download);
  const speed = hasMoved(download) ? [span(formatSpeed(download.bytesPerSecond))] : [];
  const parts = [sizes, ...speed, ...(left === null ? [] : [span(`${formatEta(left)} left`)])];
  const row = (chosen: readonly Span[]): Line =>
    chosen.flatMap((part, index) => (index === 0 ? [part] : [span("   "), part]));
  const whole = row(parts);
  return lineWidth(whole) <= columns ? whole : row(parts.slice(1));
}

/** Before the first byte there is no speed: a zero would look like a fault. */
function hasMoved({ receivedBytes, planned, bytesPerSecond }: RunState["download"]): boolean {
  const before = planned === null ? 0 : planned.cachedBytes + planned.resumedBytes;
  return receivedBytes > before || bytesPerSecond >= 1;
}

/** Null too where the speed that stands beside it is falling in a silence, and says another time. */
function timeLeft({
  receivedBytes,
  totalBytes,
  bytesPerSecond,
  etaSeconds,
}: RunState["download"]): number | null {
  if (etaSeconds === null || bytesPerSecond < 1) return null;
  const bySpeed = (totalBytes - receivedBytes) / bytesPerSecond;
  return bySpeed > etaSeconds * 1.5 + 1 ? null : etaSeconds;
}

/** A row for each model that is not ready yet, in tier order, and "+N more" where rows are few. */
export function modelRows(view: LiveView, room: number): Line[] {
  const open = view.state.download.models.filter(({ state }) => state !== "ready");
  const columns = columnsFor(view);
  const shown = open.length <= room ? open : busiest(open, Math.max(0, room - 1));
  const rows = shown.map((model) => modelRow(model, view, columns));
  const notes = shown.map((model) => noteRow(model, view, columns));
  // Where a note has no room beside its model it gets a row below.
  const below = notes.filter((note) => note !== null).length;
  const fits = open.length + below <= room;
  const lines = rows.flatMap((row, index) => {
    const note = notes[index] ?? null;
    return fits && note !== null ? [row, note] : [row];
  });
  return [...lines, ...moreRow(open.length - shown.length, view)].slice(0, Math.max(0, room));
}

/** A row for each container that does not run yet: its image with a bar as a model has it, or what it does. */
export function containerRows(view: LiveView, room: number): Line[] {
  const open = awaitedContainers(view.state);
  // A number alone would say no more than Annie's row does.
  if (room < Math.min(2, open.length)) return [];
  const columns = columnsFor(view);
  const shown =
    open.length <= room
      ? open
      : open.toSorted((a, b) => rank(a) - rank(b)).slice(0, Math.max(0, room - 1));
  const rows = shown.map((event) => containerRow(event, view, columns));
  return [...rows, ...moreRow(open.length - shown.length, view)].slice(0, Math.max(0, room));
}

export function awaitedContainers({ containers }: RunState): ContainerChanged[] {
  return Object.values(containers).filter(
    ({ state, exitCode }) =>
      state !== "running" && state !== "healthy" && !(state === "exited" && exitCode === 0),
  );
}

/** What is in trouble first, then what moves. */
function rank(event: ContainerChanged): number {
  if (isTrouble(event)) return 0;
  return event.state === "pulling" ? 1 : 2;
}

function isTrouble({ state, silentMs }: ContainerChanged): boolean {
  const bad = state === "unhealthy" || state === "restarting" || state === "exited";
  return bad || silentMs !== undefined;
}

function moreRow(left: number, view: LiveView): Line[] {
  return left <= 0 ? [] : [[span(`${indentOf(view)}+${left} more`, "quiet")]];
}

/** As wide as a sign and the space after it. */
export function indentOf({ theme }: LiveView): string {
  return " ".repeat(theme.symbols.ok.length + 1);
}

/** What works comes before what waits; tier order otherwise, which is the order they come in. */
function busiest(models: readonly ModelProgress[], room: number): readonly ModelProgress[] {
  const chosen = new Set(
    models.toSorted((a, b) => Number(isIdle(a)) - Number(isIdle(b))).slice(0, room),
  );
  return models.filter((model) => chosen.has(model));
}

function isIdle({ state }: Pick<ModelProgress, "state">): boolean {
  return state === "waiting";
}

function columnsFor(view: LiveView): ProgressColumns {
  const models = view.state.download.models.map(({ title }) => title);
  const names = [...models, ...awaitedContainers(view.state).map(({ service }) => service)];
  return progressColumns(frameColumns(view.size) - indentOf(view).length, names);
}

function modelRow(model: ModelProgress, view: LiveView, columns: ProgressColumns): Line {
  const words = noteText(model, view);
  const sign = modelSign(model, view, words !== null);
  if (words === null) {
    const shown = { ...model, state: stateNow(model.state, view) };
    return [sign, span(" "), ...figures(shown, columns, view.theme)];
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

function containerRow(event: ContainerChanged, view: LiveView, columns: ProgressColumns): Line {
  const { theme } = view;
  const { service, state, receivedBytes, totalBytes } = event;
  const sign = containerSign(event, view);
  if (state === "pulling" && receivedBytes !== undefined && totalBytes !== undefined) {
    const image = { title: service, receivedBytes, totalBytes, verifiedBytes: 0 };
    const shown = { ...image, bytesPerSecond: 0, state: "pulling" as const };
    if (!isTrouble(event)) return [sign, span(" "), ...figures(shown, columns, theme)];
  }
  const role = isTrouble(event) ? "warning" : "quiet";
  return [
    sign,
    span(` ${titleText(service, columns, theme)} `),
    span(cleanText(containerLine(event)), role),
  ];
}

function containerSign(event: ContainerChanged, view: LiveView): Span {
  const { symbols } = view.theme;
  if (view.state.failedContainers[event.service] !== undefined) return span(symbols.failed, "bad");
  if (isTrouble(event)) return span(symbols.warning, "warning");
  if (event.state === "starting") return span(spinnerSign(view), "accent");
  return event.state === "pulling"
    ? span(symbols.coming, "accent")
    : span(symbols.waiting, "quiet");
}

/** What holds the model up on a row of its own; null where nothing does or it stands beside the model already. */
function noteRow(model: ModelProgress, view: LiveView, columns: ProgressColumns): Line | null {
  const words = noteText(model, view);
  if (words === null || columns.bar > 0) return null;
  return [span(indentOf(view)), span(words, "warning")];
}

function noteText(model: ModelProgress, view: LiveView): string | null {
  const note = view.state.download.notes[model.id];
  return note === undefined ? null : cleanText(downloadNote(note, view.elapsedMs));
}

function heldText({ id }: ModelProgress, view: LiveView): string {
  const note = view.state.download.notes[id];
  return note?.kind === "retrying" ? "retrying" : "waiting";
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

type Bytes = Pick<ModelProgress, "receivedBytes" | "verifiedBytes" | "totalBytes">;
type Figures = Bytes &
  Pick<ModelProgress, "title" | "bytesPerSecond"> & {
    readonly state: ModelState | "paused" | "pulling";
  };

function figures(row: Figures, columns: ProgressColumns, theme: Theme): Line {
  const waits = row.state === "waiting";
  const role = waits ? "quiet" : "plain";
  const line: Span[] = [span(titleText(row.title, columns, theme), role)];
  // An empty bar would look like one that is stuck.
  const untouched = waits && row.receivedBytes === 0;
  if (columns.bar > 0) {
    const bar = untouched ? [span(" ".repeat(columns.bar))] : thinBar(row, columns.bar, theme);
    line.push(span(" "), ...bar);
  }
  if (columns.percent) line.push(span(` ${untouched ? "    " : percentText(row)}`, role));
  if (columns.sizes > 0) {
    line.push(span(` ${sizesText(row, untouched).padStart(columns.sizes)}`, role));
  }
  return [...line, span(` ${stateText(row).padStart(stateWidth)}`, role)];
}

/** Where a title is cut its last word stays: it tells "Qwen3 Embedding 0.6B" from "Qwen3 Embedding 8B". */
function titleText(text: string, { title: width }: ProgressColumns, theme: Theme): string {
  const clean = cleanText(text);
  if (textWidth(clean) <= width) return padded(clean, width);
  const { ellipsis } = theme.symbols;
  const last = clean.slice(clean.lastIndexOf(" "));
  const room = width - textWidth(last);
  const cut = room >= 6 ? shorten(clean, room, ellipsis) + last : shorten(clean, width, ellipsis);
  return padded(cut, width);
}

/** Of what is being verified, how much of that is done. */
function percentText(row: Bytes & { readonly state?: Figures["state"] }): string {
  const part = row.state === "verifying" ? row.verifiedBytes : row.receivedBytes;
  return `${percentOf(part, row.totalBytes)}%`.padStart(4);
}

function sizesText(
  { receivedBytes, totalBytes }: Pick<Bytes, "receivedBytes" | "totalBytes">,
  untouched = false,
): string {
  const [received, total] = formatBytesOf(receivedBytes, totalBytes);
  return untouched ? total : `${received}/${total}`;
}

/** The speed while bytes come, a word otherwise. */
function stateText({ state, bytesPerSecond, receivedBytes }: Figures): string {
  if (state !== "downloading") return state;
  return bytesPerSecond < 1 && receivedBytes === 0 ? "starting" : formatSpeed(bytesPerSecond);
}

/** The bar over all: verified bytes are darker than those that only came. */
function heavyBar(bytes: Bytes, width: number, { symbols: { bar } }: Theme): Line {
  const { full, verified } = cells(bytes, width);
  return [
    span(bar.verified.repeat(verified), "good"),
    span(bar.received.repeat(full - verified), "accent"),
    span(bar.empty.repeat(width - full), "quiet"),
  ];
}

/** One row's bar: lighter than the one over all. */
function thinBar(bytes: Bytes, width: number, { symbols: { thinBar: bar } }: Theme): Line {
  const { full, verified } = cells(bytes, width);
  return [
    span(bar.full.repeat(verified), "good"),
    span(bar.full.repeat(full - verified), "accent"),
    span(bar.empty.repeat(width - full), "quiet"),
  ];
}

/** Never full before everything is there. */
function cells({ receivedBytes, verifiedBytes, totalBytes }: Bytes, width: number) {
  const of = (bytes: number): number => {
    const share = totalBytes <= 0 ? 1 : Math.min(1, bytes / totalBytes);
    return share >= 1 ? width : Math.max(0, Math.min(width - 1, Math.floor(share * width)));
  };
  const full = of(receivedBytes);
  return { full, verified: totalBytes <= 0 ? 0 : Math.min(full, of(verifiedBytes)) };
}

/** Widths of the parts of a row; 0 where there is no room for one. */
export interface ProgressColumns {
  readonly title: number;
  readonly bar: number;
  /** Left out where bar and sizes say the same and room is short. */
  readonly percent: boolean;
  readonly sizes: number;
}

const percentWidth = 5;
const sizesWidth = "99.9/99.9 MB".length;
/** "38.2 MB/s", "verifying". */
const stateWidth = 9;
const shortestBar = 8;
const goodBar = 40;
/** As long as most names are. */
const wideTitle = 20;

/** What fits into so many columns: title and state always; then sizes, and percent or the bar with the rest. */
export function progressColumns(columns: number, titles: readonly string[]): ProgressColumns {
  const longest = Math.max(12, ...titles.map((title) => textWidth(title)));
  const fixed = 1 + stateWidth;
  if (columns < 51) {
    const title = Math.max(6, Math.min(longest, columns - percentWidth - fixed));
    return { title, bar: 0, percent: true, sizes: 0 };
  }
  const title = Math.min(longest, Math.max(wideTitle, Math.floor(columns / 3)));
  const left = columns - title - 1 - (sizesWidth + 1) - fixed;
  const percent = left - percentWidth >= goodBar;
  return {
    title,
    bar: Math.max(shortestBar, left - (percent ? percentWidth : 0)),
    percent,
    sizes: sizesWidth,
  };
}
