import type { TimedEvent } from "../../run/event.ts";
import type { RunState } from "../../run/state/state.ts";
import { checkedSentence, machineText } from "../messages/machine.ts";
import { isTold, sentenceFor, sentencesFor } from "../messages/sentence-for.ts";
import { demoText } from "../messages/run.ts";
import type { Sentence } from "../messages/sentence.ts";
import { textWidth, wrapText } from "../text-width.ts";
import { blank, footSpans, type Line, lineWidth, linked, span } from "./line.ts";
import type { Role, Theme } from "./theme.ts";

/** A finished thing, which scrolls away above the live part of the screen. */
export interface ScrolledLine {
  readonly sentence: Sentence;
  /** A closing page stands apart: an empty row goes before it. */
  readonly apart: boolean;
  readonly demo: boolean;
  /** Checks that passed are folded into this line; what it says where columns are few. */
  readonly folded?: string;
}

type Verbosity = "quiet" | "normal" | "verbose";

/** Rows of the live part say these already; only a verbose run keeps them as lines too. */
const shownLive = new Set<TimedEvent["type"]>([
  "run.started",
  "stage.started",
  "stage.finished",
  "check.started",
  "check.finished",
  "hub.waiting",
  "registry.waiting",
  "download.planned",
  "download.retrying",
  "download.blocked",
  "download.paused",
  "download.resumed",
  "file.started",
  "file.verified",
  "container.changed",
  "annie.health",
]);

export function scrolledLines(
  event: TimedEvent,
  state: RunState,
  verbosity: Verbosity,
): readonly ScrolledLine[] {
  const closing = event.type.startsWith("run.") && event.type !== "run.started";
  const lines: ScrolledLine[] = [];
  if (endsChecks(event, state, closing)) {
    const isFolded = state.machine !== null && verbosity !== "verbose";
    const all = checkLines(state, verbosity);
    lines.push(...all.filter(({ sentence }) => !isFolded || sentence.mark !== "ok"));
  }
  const kept =
    verbosity === "verbose" ? event.type !== "check.finished" : !shownLive.has(event.type);
  const sentence = kept ? sentenceFor(event, state) : null;
  if (sentence !== null && isTold(sentence, verbosity)) {
    lines.push({
      sentence,
      apart: closing,
      demo: closing && state.run?.demo === true,
      ...(event.type === "machine.detected"
        ? { folded: machineText(event, state.checks, { short: true }) }
        : {}),
    });
  }
  return lines;
}

const keptLines = 200;

/** The log with what the event says, whatever the verbosity; the newest lines of it. */
export function logLines(
  log: readonly ScrolledLine[],
  event: TimedEvent,
  states: { readonly before: RunState; readonly state: RunState },
): readonly ScrolledLine[] {
  const sentences = sentencesFor(event, states);
  if (sentences.length === 0) return log;
  const added = sentences.map((sentence) => ({ sentence, apart: false, demo: false }));
  return [...log, ...added].slice(-keptLines);
}

function checkLines(state: RunState, verbosity: Verbosity): ScrolledLine[] {
  return state.checks
    .flatMap(checkedSentence(state))
    .filter((sentence) => isTold(sentence, verbosity))
    .map((sentence) => ({ sentence, apart: false, demo: false }));
}

/** All checks of the machine, those that passed among them. */
export function checkRows(state: RunState, columns: number, theme: Theme): Line[] {
  return checkLines(state, "verbose").flatMap((line) => scrolledRows(line, columns, theme));
}

/** The checks tick in side by side; once the machine is known they scroll away in order. */
function endsChecks(event: TimedEvent, state: RunState, closing: boolean): boolean {
  if (event.type === "machine.detected") return true;
  if (state.machine !== null) return false;
  if (event.type === "stage.finished") return event.stage === "machine";
  return closing && isLooking(state);
}

/** Whether the checks are still on the live part of the screen. */
export function isLooking(state: RunState): boolean {
  return (
    state.machine === null &&
    state.stages.some(({ stage, state: now }) => stage === "machine" && now === "running")
  );
}

const roles = { info: "plain", good: "good", warning: "warning", bad: "bad" } as const;

/** A finished thing in rows of at most so many columns. `unfolds`: a key shows what is folded into it. */
export function scrolledRows(
  line: ScrolledLine,
  columns: number,
  theme: Theme,
  unfolds = false,
): Line[] {
  const { sentence, apart, demo, folded } = line;
  if (folded !== undefined) return foldedRows(sentence, { folded, unfolds, columns, theme });
  const role: Role = roles[sentence.tone];
  const mark = sentence.mark === null ? "" : `${theme.symbols[sentence.mark]} `;
  // Where a sign carries the colour the words need none.
  const ending = apart && sentence.tone === "good";
  const textRole = mark === "" || sentence.tone === "bad" ? role : ending ? "strong" : "plain";
  const indent = " ".repeat(textWidth(mark));
  const text = wrapText(sentence.text, columns - textWidth(mark)).map((words, index): Line => [
    ...(mark === "" ? [] : [index === 0 ? span(mark, role) : span(indent)]),
    span(words, textRole),
  ]);
  const more = sentence.more.flatMap((words) => moreRows(words, columns));
  return [
    ...(apart ? [blank] : []),
    ...(demo ? wrapText(demoText, columns).map((words): Line => [span(words, "demo")]) : []),
    ...besideFirst(text, sentence.aside, Math.min(columns, asideColumns)),
    ...more,
  ];
}

/** One row, as much of it as fits. */
function foldedRows(
  { mark, text }: Sentence,
  {
    folded,
    unfolds,
    columns,
    theme,
  }: {
    readonly folded: string;
    readonly unfolds: boolean;
    readonly columns: number;
    readonly theme: Theme;
  },
): Line[] {
  const { symbols } = theme;
  const sign = mark === null ? [] : [span(`${symbols[mark]} `, "good")];
  const more = unfolds
    ? [span(` ${symbols.separator} `, "quiet"), ...footSpans(["l: details"], columns)]
    : [];
  const [long, short] = [text, folded].map((words) => [...sign, span(words)]);
  const rows = [...(long ?? []), ...more];
  const shown = [rows, long ?? [], [...(short ?? []), ...more], short ?? []];
  return [shown.find((row) => lineWidth(row) <= columns) ?? short ?? []];
}

/** Where an aside ends: one block with the lines below it. */
const asideColumns = 56;

function besideFirst(
  text: readonly Line[],
  aside: string | null,
  columns: number,
): readonly Line[] {
  const [first, ...rest] = text;
  if (aside === null || first === undefined) return text;
  const gap = Math.max(2, columns - lineWidth(first) - textWidth(aside));
  return [[...first, span(" ".repeat(gap)), span(aside, "quiet")], ...rest];
}

/** What belongs to a sentence stands a little to the right, as far as it was moved already; in a column it stays in it. */
function moreRows(words: string, columns: number): Line[] {
  const text = words.trimStart();
  const indent = " ".repeat(Math.min(4 + words.length - text.length, Math.floor(columns / 4)));
  const room = columns - indent.length;
  const [, label = "", value = ""] = /^(\S.*? {2,})(\S.*)$/.exec(text) ?? [];
  if (label === "" || textWidth(label) * 3 > room) {
    return wrapText(text, room).map((row): Line => [span(indent), linked(row)]);
  }
  return wrapText(value, room - textWidth(label)).map((row, index): Line => [
    span(indent),
    span(index === 0 ? label : " ".repeat(textWidth(label)), "quiet"),
    span(row),
  ]);
}

/** The newest rows, as many as there is room for. */
export function newestRows(
  lines: readonly ScrolledLine[],
  room: number,
  {
    columns,
    theme,
    unfolds = false,
  }: { readonly columns: number; readonly theme: Theme; readonly unfolds?: boolean },
): Line[] {
  const rows: Line[] = [];
  for (const line of lines.toReversed()) {
    if (rows.length >= room) break;
    rows.unshift(...scrolledRows(line, columns, theme, unfolds));
  }
  return room <= 0 ? [] : rows.slice(-room);
}
