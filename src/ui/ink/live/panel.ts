import type { RunState } from "../../../run/state/state.ts";
import { stopText } from "../../messages/run.ts";
import { wrapText } from "../../text-width.ts";
import type { RunKeys } from "../../writer.ts";
import { elapsedText, headerLine, type LiveView, waitSpan } from "../header.ts";
import type { Press } from "../keys.ts";
import { blank, footLine, frameColumns, type Line, screenRows, span } from "../line.ts";
import { type ScrolledLine, scrolledRows } from "../log-rows.ts";

/** What is in front of the live screen. */
export type Panel =
  | { readonly kind: "none" | "help" | "quit" | "end" | "leaving" }
  /** `scroll`: how many rows above the newest. */
  | { readonly kind: "log"; readonly scroll: number };

export const noPanel: Panel = { kind: "none" };

/** What a key did: another panel, or what is to be done. */
export interface Pressed {
  readonly panel: Panel;
  readonly act: "stop" | "pause" | "leave" | "end" | null;
}

/** What a key does, by the panel that is in front and the keys that mean something now. */
export function pressedLive(panel: Panel, press: Press, keys: RunKeys): Pressed {
  const letter = press.kind === "text" ? press.text.toLowerCase() : "";
  const turn = (next: Panel): Pressed => ({ panel: next, act: null });
  // A panel of its own, so that the screen is drawn again right away.
  const act = (what: Pressed["act"]): Pressed => ({ panel: { ...noPanel }, act: what });
  switch (panel.kind) {
    case "none":
      if (letter === "l") return turn({ kind: "log", scroll: 0 });
      if (letter === "?") return turn({ kind: "help" });
      if (letter === "p" && keys.pause !== null) return act("pause");
      if (letter === "b" && keys.leave !== null) {
        return { panel: { kind: "leaving" }, act: "leave" };
      }
      if (letter === "s" && keys.end !== null) return turn({ kind: "end" });
      // Where no run is stopped by it there is nothing to ask.
      if (letter === "q" && (keys.end !== null || keys.replay)) return act("stop");
      return turn(letter === "q" ? { kind: "quit" } : panel);
    case "leaving":
      return turn(panel);
    case "help":
      return turn(noPanel);
    case "quit":
      return act(letter === "y" ? "stop" : null);
    case "end":
      return act(letter === "y" ? "end" : null);
    case "log":
      return turn(onLog(panel.scroll, press, letter));
  }
}

const farAway = 1_000_000;

function onLog(scroll: number, press: Press, letter: string): Panel {
  const moved = (rows: number): Panel => ({ kind: "log", scroll: Math.max(0, scroll + rows) });
  if (press.kind === "escape" || letter === "l" || letter === "q") return noPanel;
  if (press.kind === "up" || letter === "k") return moved(1);
  if (press.kind === "down" || letter === "j") return moved(-1);
  if (press.kind === "pageUp") return moved(10);
  if (press.kind === "pageDown") return moved(-10);
  if (press.kind === "first") return moved(farAway);
  return press.kind === "last" ? moved(-farAway) : moved(0);
}

/** The panel's rows, or null where the live screen is seen. `panel` comes back with a scroll that has text. */
export function panelPage(
  view: LiveView,
  panel: Panel,
  log: readonly ScrolledLine[],
): readonly Line[] | null {
  switch (panel.kind) {
    case "none":
      return null;
    case "log":
      return logPage(view, panel.scroll, log);
    case "leaving":
      return [
        header(view),
        [waitSpan(view), span(" Moving to the background; nothing is lost", "strong")],
      ];
    case "help":
      return [header(view), ...helpLines(view), blank, footLine(["Any key: back"], view.size)];
    case "quit":
      return [
        header(view),
        [span("Stop here?", "strong")],
        ...wrapped(stopText(view.state), view),
        blank,
        yesOrNo(view),
      ];
    case "end":
      return [
        header(view),
        [span("Stop the run in the background?", "strong")],
        ...wrapped(stopText(view.state), view),
        blank,
        yesOrNo(view),
      ];
  }
}

function yesOrNo({ size }: LiveView): Line {
  return footLine(["y: stop", "any other key: keep going"], size);
}

function logPage(view: LiveView, scroll: number, log: readonly ScrolledLine[]): Line[] {
  const rows = log.flatMap((line) => scrolledRows(line, frameColumns(view.size), view.theme));
  const room = Math.max(1, screenRows(view.size) - 2);
  const from = Math.max(0, rows.length - room - boundedLog(scroll, rows.length, room));
  const { up, down } = view.theme.symbols;
  const place = `${Math.min(rows.length, from + room)} of ${rows.length}`;
  return [
    header(view),
    ...rows.slice(from, from + room),
    footLine([`${up} ${down}: scroll (${place})`, "Esc: back"], view.size),
  ];
}

function boundedLog(scroll: number, total: number, room: number): number {
  return Math.min(scroll, Math.max(0, total - room));
}

/** The most that a log of so many lines can be scrolled, so that a key back is seen at once. */
export function withinLog(panel: Panel, view: LiveView, log: readonly ScrolledLine[]): Panel {
  if (panel.kind !== "log") return panel;
  const rows = log.flatMap((line) => scrolledRows(line, frameColumns(view.size), view.theme));
  const room = Math.max(1, screenRows(view.size) - 2);
  return { kind: "log", scroll: boundedLog(panel.scroll, rows.length, room) };
}

function header(view: LiveView): Line {
  return headerLine({ ...view, right: elapsedText(view) });
}

function helpLines(view: LiveView): Line[] {
  const { pause, leave, end, replay } = view.keys;
  const stop = replay ? "It is a record: no run is touched." : stopText(view.state);
  return [
    ...(pause === null ? [] : ["p: pause or resume the download."]),
    ...(leave === null ? [] : ["b: keep going in the background; you can close this terminal."]),
    ...(end === null
      ? [`q, Ctrl-C: ${replay ? "stop the replay" : "stop"}. ${stop}`]
      : ["q, Ctrl-C: detach; the run continues.", `s: stop the run. ${stop}`]),
    "l: log of every step.",
    "Ctrl-Z: suspend heros; fg brings it back.",
  ].flatMap((text) => {
    const [first = blank, ...rest] = wrapped(text, view);
    return [keyed(first), ...rest];
  });
}

/** A line that begins with a key. */
function keyed([{ text } = span("")]: Line): Line {
  const end = text.indexOf(":");
  return [span(text.slice(0, end), "strong"), span(text.slice(end))];
}

function wrapped(text: string, { size }: LiveView): Line[] {
  return wrapText(text, frameColumns(size)).map((row): Line => [span(row)]);
}

/** The keys that mean something at this moment of the run. */
export function keysNow({ pause, leave, end, replay }: RunKeys, state: RunState): RunKeys {
  const under = (name: string) =>
    state.stages.some(({ stage, state: now }) => stage === name && now === "running");
  return {
    pause: under("download") && state.download.finished === null ? pause : null,
    leave: under("download") || under("annie") ? leave : null,
    end: state.closing === null ? end : null,
    replay,
  };
}
