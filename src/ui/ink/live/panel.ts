import { wrapText } from "../../text-width.ts";
import { frameColumns, screenRows } from "../frame-size.ts";
import { blank, span, type Line } from "../line.ts";
import { scrolledRows } from "../scrolled-rows.ts";
import type { ScrolledLine } from "../scrolled.ts";
import type { Press } from "../wizard/keys.ts";
import { elapsedWords, headerLine } from "./header.ts";
import type { LiveView } from "./view.ts";

/** What is in front of the live screen. */
export type Panel =
  | { readonly kind: "none" | "help" | "quit" }
  /** `scroll`: how many rows above the newest. */
  | { readonly kind: "log"; readonly scroll: number };

export const noPanel: Panel = { kind: "none" };

/** The panel after a key; null where the person wants to stop. */
export function pressedLive(panel: Panel, press: Press): Panel | null {
  const letter = press.kind === "text" ? press.text.toLowerCase() : "";
  switch (panel.kind) {
    case "none":
      if (letter === "l") return { kind: "log", scroll: 0 };
      if (letter === "?") return { kind: "help" };
      return letter === "q" ? { kind: "quit" } : panel;
    case "help":
      return noPanel;
    case "quit":
      return letter === "y" ? null : noPanel;
    case "log":
      return onLog(panel.scroll, press, letter);
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
    case "help":
      return [header(view), ...helpLines(view), blank, [span("Any key: back", "quiet")]];
    case "quit":
      return [
        header(view),
        [span("Stop here?", "strong")],
        ...wrapped(stopWords(view), view),
        blank,
        [span("y/N", "strong"), span("   y: stop   any other key: go on", "quiet")],
      ];
  }
}

function logPage(view: LiveView, scroll: number, log: readonly ScrolledLine[]): Line[] {
  const rows = log.flatMap((line) => scrolledRows(line, frameColumns(view.size), view.theme));
  const room = Math.max(1, screenRows(view.size) - 2);
  const from = Math.max(0, rows.length - room - boundedLog(scroll, rows.length, room));
  const { up, down } = view.theme.signs;
  const place = `${Math.min(rows.length, from + room)} of ${rows.length}`;
  return [
    header(view),
    ...rows.slice(from, from + room),
    [span(`${up} ${down}: read on (${place})   Esc: back`, "quiet")],
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
  return headerLine({ ...view, right: elapsedWords(view.elapsedMs) });
}

function helpLines(view: LiveView): Line[] {
  return [
    `q or Ctrl-C: stop. ${stopWords(view)}`,
    "l: the log, with every step in words.",
    "Ctrl-Z: leave heros for a moment; the shell's fg comes back to it.",
  ].flatMap((text) => wrapped(text, view));
}

function wrapped(text: string, { size }: LiveView): Line[] {
  return wrapText(text, frameColumns(size)).map((row): Line => [span(row)]);
}

function stopWords({ state: { run } }: LiveView): string {
  if (run === null || run.demo) return "The demo ends, and nothing of it is left.";
  if (!run.stages.includes("download")) return "It stops here; nothing is left half done.";
  return `What is downloaded is kept; heros ${run.command} goes on from there.`;
}
