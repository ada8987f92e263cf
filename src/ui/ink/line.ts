import { shorten, textWidth } from "../text-width.ts";
import type { Role, Theme } from "./theme.ts";

/** What a library draws and moves by itself: a text that is edited, a yes or no, a wait. */
export type WidgetName = "editor" | "confirm" | "wait";

/** A run of text with one look. */
export interface Span {
  readonly text: string;
  readonly role: Role;
  /** An address that a click on the text opens. */
  readonly link?: string;
  /** Drawn in place of the text, once its code is loaded. */
  readonly widget?: WidgetName;
}

/** One row of the screen. */
export type Line = readonly Span[];

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export const blank: Line = [];

export function span(text: string, role: Role = "plain"): Span {
  return { text, role };
}

/** The text, which opens what it names where it is an address. */
export function linked(text: string, role: Role = "plain"): Span {
  return /^https?:\/\/[!-~]+$/.test(text) ? { text, role, link: text } : span(text, role);
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + textWidth(text), 0);
}

/** The line in at most so many columns. */
export function clipLine(line: Line, columns: number, theme: Theme): Line {
  if (lineWidth(line) <= columns) return line;
  const fitted: Span[] = [];
  let left = columns;
  for (const { text, ...rest } of line) {
    if (left <= 0) break;
    const width = textWidth(text);
    fitted.push({
      text: width <= left ? text : shorten(text, left, theme.symbols.ellipsis),
      ...rest,
    });
    left -= width;
  }
  return fitted;
}

/** Two ends of one row; where both do not fit, the right one stays whole. */
export function spread(left: Line, right: Line, columns: number, theme: Theme): Line {
  const room = columns - lineWidth(right) - 1;
  const fitted = clipLine(left, Math.max(0, room), theme);
  const gap = Math.max(1, columns - lineWidth(fitted) - lineWidth(right));
  return [...fitted, span(" ".repeat(gap)), ...right];
}

/** Some terminals say that they have no columns, or no rows, at all. */
const usual = { columns: 80, rows: 24 };

/** All rows that are drawn on; the last one is the cursor's. */
export function screenRows({ rows }: Size): number {
  return Math.max(1, (rows || usual.rows) - 1);
}

/** A page leaves one row more, for the last thing that was finished. */
export function frameRows({ rows }: Size): number {
  return Math.max(1, (rows || usual.rows) - 2);
}

/** One column less: a full last column makes some terminals wrap. */
export function frameColumns({ columns }: Size): number {
  return Math.max(10, (columns || usual.columns) - 1);
}

/** What keys do, in one row that is never cut: with less between them where columns are few, then by the shorter list. */
export function footLine(
  keys: readonly string[],
  size: Size,
  fewer: readonly string[] = keys,
): Line {
  return footSpans(keys, frameColumns(size), fewer);
}

/** The same beside something else, in so many columns. The last key of the shorter list, which is help, goes last. */
export function footSpans(
  keys: readonly string[],
  columns: number,
  fewer: readonly string[] = keys,
): Line {
  const shown = keys.filter((key) => key !== "");
  const few = fewer.filter((key) => key !== "");
  const whole = [keyRow(shown, "   "), keyRow(shown, "  ")];
  for (let kept = few; ; kept = [...kept.slice(0, -2), ...kept.slice(-1)]) {
    const bare = keyRow(kept, "  ", " ");
    const row = [...whole, keyRow(kept, "   "), keyRow(kept, "  "), bare].find(
      (line) => lineWidth(line) <= columns,
    );
    if (row !== undefined || kept.length <= 1) return row ?? bare;
  }
}

/** "q: stop   l: log": a key is brighter than what it does. */
function keyRow(keys: readonly string[], between: string, colon = ": "): Line {
  return keys.flatMap((text, index) => {
    const gap = index === 0 ? [] : [span(between)];
    const [key = "", ...words] = text.split(": ");
    return words.length === 0
      ? [...gap, span(text, "quiet")]
      : [...gap, span(key, "strong"), span(`${colon}${words.join(": ")}`, "quiet")];
  });
}
