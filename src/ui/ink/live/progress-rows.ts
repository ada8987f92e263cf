import { assistantOf } from "../../../run/assistant.ts";
import type { Note } from "../../../run/state/download-state.ts";
import type { ModelProgress, ModelState } from "../../../run/events/download.ts";
import type { ContainerChanged } from "../../../run/events/stack.ts";
import { bytesOfAll, bytesOfImage } from "../../../run/state/images-state.ts";
import type { RunState } from "../../../run/state/state.ts";
import { formatBytes, formatBytesOf, formatSpeed } from "../../../run/units.ts";
import { cleanText } from "../../clean-text.ts";
import { padded, shorten, textWidth } from "../../text-width.ts";
import {
  allReadyText,
  downloadNote,
  onlineEta,
  percentOf,
  timesText,
  imageTitle,
} from "../../messages/download.ts";
import { awaitedContainers, containerLine } from "../../messages/stack.ts";
import { type LiveView, spinnerSign } from "../header.ts";
import { frameColumns, type Line, lineWidth, span, type Span } from "../line.ts";
import type { Theme } from "../theme.ts";

/** The bar over all models and images, as wide as the screen, and what it comes to below. */
export function totalRows(view: LiveView): Line[] {
  const { download } = view.state;
  const { theme } = view;
  const bytes = bytesOfAll(view.state);
  const isUnpacked = view.state.images.every(({ phase }) => phase === "ready");
  if (download.finished !== null && isUnpacked) {
    const words = ` ${allReadyText(view.state)} (${formatBytes(bytes.totalBytes)}).`;
    return [[span(theme.symbols.ok, "good"), span(words)]];
  }
  const columns = frameColumns(view.size);
  const percent = percentText(bytes);
  const bar = heavyBar(bytes, columns - percent.length - 1, theme);
  return [[...bar, span(" "), span(percent, "strong")], figuresLine(view, columns)];
}

/** "17.1/32.1 GB   38.2 MB/s   6 min 40 s left"; where columns are few what the bar does not say. */
function figuresLine({ state }: LiveView, columns: number): Line {
  const { download } = state;
  const bytes = bytesOfAll(state);
  const sizes = span(sizesText(bytes), "strong");
  if (download.paused || download.finished !== null) return [sizes];
  const etaSeconds = timeLeft(bytes, download);
  const name = assistantOf(state);
  const times = timesText({ etaSeconds, onlineEtaSeconds: onlineEta(state), assistant: name });
  const speed = hasMoved(state) ? [span(formatSpeed(download.bytesPerSecond))] : [];
  const left = times === null ? [] : [span(times)];
  const row = (parts: readonly Span[]): Line =>
    parts.flatMap((part, index) => (index === 0 ? [part] : [span("   "), part]));
  const short = left.map(({ text }) =>
    span(text.replace(`${name} `, "").replace("everything", "all")),
  );
  const rows = [[sizes, ...speed, ...left], [...speed, ...left], [...speed, ...short], short];
  const shown = rows.find((parts) => parts.length > 0 && lineWidth(row(parts)) <= columns);
  return row(shown ?? [sizes]);
}

/** Before the first byte there is no speed: a zero would look like a fault. */
function hasMoved(state: RunState): boolean {
  const { planned, bytesPerSecond } = state.download;
  const models = planned === null ? 0 : planned.cachedBytes + planned.resumedBytes;
  const before = state.images.reduce((bytes, { cachedBytes }) => bytes + cachedBytes, models);
  return bytesOfAll(state).receivedBytes > before || bytesPerSecond >= 1;
}

/** Null too where the speed that stands beside it is falling in a silence, and says another time. */
function timeLeft(
  { receivedBytes, totalBytes }: Pick<Bytes, "receivedBytes" | "totalBytes">,
  { bytesPerSecond, etaSeconds }: RunState["download"],
): number | null {
  if (etaSeconds === null || bytesPerSecond < 1) return null;
  const bySpeed = (totalBytes - receivedBytes) / bytesPerSecond;
  return bySpeed > etaSeconds * 1.5 + 1 ? null : etaSeconds;
}

/** A row for each model and each image that is not ready yet, in the order they come in, and "+N more" where rows are few. */
export function progressRows(view: LiveView, room: number): Line[] {
  const open = openItems(view);
  const columns = columnsFor(view);
  const shown = open.length <= room ? open : busiest(open, Math.max(0, room - 1));
  const rows = shown.map((item) => itemRow(item, view, columns));
  const notes = shown.map((item) => noteRow(item, view, columns));
  // Where a note has no room beside its row it gets one below.
  const below = notes.filter((note) => note !== null).length;
  const fits = open.length + below <= room;
  const lines = rows.flatMap((row, index) => {
    const note = notes[index] ?? null;
    return fits && note !== null ? [row, note] : [row];
  });
  return [...lines, ...moreRow(open.length - shown.length, view)].slice(0, Math.max(0, room));
}

const silenceMs = 5000;

/** What comes: first the images that the stack waits for, which Docker unpacks beside the models; other images last. */
function openItems({ state: { download, images }, elapsedMs }: LiveView): Figures[] {
  const models = download.models.filter(({ state }) => state !== "ready");
  const open = images.filter(({ phase }) => phase !== "ready");
  const rows = open.map((image): Figures & { needed: boolean } => {
    const { phase, receivedBytes, totalBytes, neededForOnline: needed, way } = image;
    const bytes = bytesOfImage(image);
    const unpacked = phase === "unpacking" ? { receivedBytes, totalBytes } : null;
    const title = imageTitle(image.image, images);
    // What nothing is told of does not move.
    const isSilent = elapsedMs - (image.progressAt ?? elapsedMs) > silenceMs;
    const bytesPerSecond = isSilent ? 0 : image.bytesPerSecond;
    const { note } = image;
    // A layer came that other images have too; the rest has its turn later.
    const rests = phase === "downloading" && isSilent && note === null && !download.paused;
    const state = phase === "ready" || rests ? "waiting" : phase;
    const byDocker = way === "pull";
    return { title, state, ...bytes, bytesPerSecond, note, unpacked, byDocker, needed };
  });
  return [
    ...rows.filter(({ needed }) => needed),
    ...models.map((model) => ({ ...model, note: download.notes[model.id] ?? null })),
    ...rows.filter(({ needed }) => !needed),
  ];
}

/** A row for each container that does not run yet: its image with a bar as a model has it, or what it does. */
export function containerRows(view: LiveView, room: number): Line[] {
  const open = awaitedContainers(view.state);
  // A number alone would say no more than the stack's row does.
  if (room < Math.min(2, open.length)) return [];
  const columns = columnsFor(view);
  const shown =
    open.length <= room
      ? open
      : open.toSorted((a, b) => rank(a) - rank(b)).slice(0, Math.max(0, room - 1));
  const rows = shown.map((event) => containerRow(event, view, columns));
  return [...rows, ...moreRow(open.length - shown.length, view)].slice(0, Math.max(0, room));
}

/** What is in trouble first, then what moves. */
function rank(event: ContainerChanged): number {
  if (isTrouble(event)) return 0;
  return event.state === "pulling" || event.state === "building" ? 1 : 2;
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

/** What works comes before what waits; otherwise in the order they come in. */
function busiest(items: readonly Figures[], room: number): readonly Figures[] {
  const isIdle = ({ state }: Figures): number => Number(state === "waiting");
  const chosen = new Set(items.toSorted((a, b) => isIdle(a) - isIdle(b)).slice(0, room));
  return items.filter((item) => chosen.has(item));
}

function columnsFor(view: LiveView): ProgressColumns {
  const { download, images } = view.state;
  const names = [
    ...download.models.map(({ title }) => title),
    ...images.map(({ image }) => imageTitle(image, images)),
    ...awaitedContainers(view.state).map(({ service }) => service),
  ];
  return progressColumns(frameColumns(view.size) - indentOf(view).length, names);
}

function itemRow(item: Figures, view: LiveView, columns: ProgressColumns): Line {
  const words = noteText(item, view);
  const sign = itemSign(item, view, words !== null);
  if (words === null) {
    return [
      sign,
      span(" "),
      ...figures({ ...item, state: stateNow(item, view) }, columns, view.theme),
    ];
  }
  return [
    sign,
    span(" "),
    span(titleText(item.title, columns, view.theme)),
    span(` ${percentText(item)} `),
    // Where there is no room for the words they stand on a row of their own.
    span(columns.bar > 0 ? words : heldText(item), "warning"),
  ];
}

function containerRow(event: ContainerChanged, view: LiveView, columns: ProgressColumns): Line {
  const { theme } = view;
  const { service, state, receivedBytes, totalBytes } = event;
  const sign = containerSign(event, view);
  if (state === "pulling" && receivedBytes !== undefined && totalBytes !== undefined) {
    const image = { title: service, receivedBytes, totalBytes, verifiedBytes: 0 };
    const shown = { ...image, bytesPerSecond: null, note: null, state: "pulling" as const };
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
  if (event.state === "starting" || event.state === "building") {
    return span(spinnerSign(view), "accent");
  }
  return event.state === "pulling"
    ? span(symbols.coming, "accent")
    : span(symbols.waiting, "quiet");
}

/** What holds it up on a row of its own; null where nothing does or it stands beside it already. */
function noteRow(item: Figures, view: LiveView, columns: ProgressColumns): Line | null {
  const words = noteText(item, view);
  if (words === null || columns.bar > 0) return null;
  return [span(indentOf(view)), span(words, "warning")];
}

function noteText({ note }: Figures, view: LiveView): string | null {
  return note === null ? null : cleanText(downloadNote(note, view.elapsedMs));
}

function heldText({ note }: Figures): string {
  return note?.kind === "retrying" ? "retrying" : "waiting";
}

function itemSign(item: Figures, view: LiveView, held: boolean): Span {
  const { symbols } = view.theme;
  if (item.state === "failed") return span(symbols.failed, "bad");
  if (held || item.state === "retrying") return span(symbols.warning, "warning");
  const rests = stateNow(item, view) === "paused";
  if (rests || item.state === "waiting") return span(symbols.waiting, "quiet");
  return span(item.state === "downloading" ? symbols.coming : spinnerSign(view), "accent");
}

/** A pause holds what heros downloads. */
function stateNow(item: Figures, { state: { download } }: LiveView): Figures["state"] {
  const { state, byDocker = false } = item;
  return download.paused && state === "downloading" && !byDocker ? "paused" : state;
}

type Bytes = Pick<ModelProgress, "receivedBytes" | "verifiedBytes" | "totalBytes">;

/** What a row says of a model, or of an image. */
interface Figures extends Bytes {
  readonly title: string;
  readonly state: ModelState | "paused" | "pulling" | "unpacking";
  /** Null until it was measured. */
  readonly bytesPerSecond: number | null;
  readonly note: Note | null;
  /** While Docker unpacks it: how far it is with that. */
  readonly unpacked?: Pick<Bytes, "receivedBytes" | "totalBytes"> | null;
  /** Docker downloads it. */
  readonly byDocker?: boolean;
}

function figures(row: Figures, columns: ProgressColumns, theme: Theme): Line {
  const waits = row.state === "waiting";
  const role = waits ? "quiet" : "plain";
  const line: Span[] = [span(titleText(row.title, columns, theme), role)];
  // An empty bar would look like one that is stuck; of an image of unknown size there is none.
  const isUnknown = row.totalBytes <= 0;
  const untouched = (waits && row.receivedBytes === 0) || isUnknown;
  if (columns.bar > 0) {
    const bar = untouched ? [span(" ".repeat(columns.bar))] : thinBar(row, columns.bar, theme);
    line.push(span(" "), ...bar);
  }
  if (columns.percent) line.push(span(` ${untouched ? "    " : percentText(row)}`, role));
  if (columns.sizes > 0) {
    const sizes = isUnknown ? "" : sizesText(row.unpacked ?? row, untouched);
    line.push(span(` ${sizes.padStart(columns.sizes)}`, role));
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

/** Of what is being verified or unpacked, how much of that is done. */
function percentText(row: Bytes & { readonly state?: Figures["state"] }): string {
  const isDone = row.state === "verifying" || row.state === "unpacking";
  const part = isDone ? row.verifiedBytes : row.receivedBytes;
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
  if (bytesPerSecond === null) return "starting";
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
