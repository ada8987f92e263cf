import { formatDuration } from "../../run/units.ts";
import { cleanText } from "../clean-text.ts";

/** What an event says to a person. */
export interface Sentence {
  readonly tone: "info" | "good" | "warning" | "bad";
  /** From which verbosity on it is told: `quiet` ones always are. */
  readonly from: "quiet" | "normal" | "verbose";
  /** A check's or a step's outcome, for a sign before the line. */
  readonly mark: "ok" | "warning" | "failed" | "skipped" | null;
  readonly text: string;
  /** Beside the text, where a screen has room: how long it took. Lines have it in brackets. */
  readonly aside: string | null;
  /** Lines under it: what to do, the last lines of a log. */
  readonly more: readonly string[];
}

/** A sentence that is told normally, without a sign; `rest` says what is different. */
export function say(text: string, rest: Partial<Omit<Sentence, "text">> = {}): Sentence {
  return {
    tone: rest.tone ?? "info",
    from: rest.from ?? "normal",
    mark: rest.mark ?? null,
    aside: rest.aside ?? null,
    text: cleanText(text),
    more: (rest.more ?? []).map(cleanText),
  };
}

/** The text as a line has it. */
export function withAside({ text, aside }: Pick<Sentence, "text" | "aside">): string {
  return aside === null ? text : `${text} (${aside})`;
}

const labelWidth = 11;

/** "Next: heros status" as a row of a column of short labels; anything else as it is. */
export function factLine(text: string): string {
  const [, label = "", value = ""] = /^([A-Z][a-z]*(?: [a-z]+)?): (.+)$/.exec(text) ?? [];
  return label === "" || label.length >= labelWidth - 1 ? text : label.padEnd(labelWidth) + value;
}

/** The same row as it is spoken, where no column can be heard. */
export function spokenFact(row: string): string {
  return row.replace(/^([A-Z][a-z]*(?: [a-z]+)?) {2,}(?=\S)/, "$1: ");
}

/** "a", "a and b", "a, b and c". */
export function listed(parts: readonly string[]): string {
  if (parts.length <= 1) return parts[0] ?? "";
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}`;
}

/** "12 s", and where nobody could have counted "less than a second". */
export function tookText(ms: number): string {
  return ms < 1000 ? "less than a second" : formatDuration(ms / 1000);
}

/** "1 file", "3 files". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
