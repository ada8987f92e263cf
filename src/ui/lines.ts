import { StringDecoder } from "node:string_decoder";
import type { Choice, Confirmation } from "../plan/interview.ts";

/** Lines that a person types, one after the other, none lost between two questions. */
export interface LineReader {
  /** The next line, or null at the end of the input. @throws AbortError */
  next(signal: AbortSignal): Promise<string | null>;
  /** The same, with nothing of it shown while it is typed: from before `announce` says that it may be. */
  nextUnseen(signal: AbortSignal, announce: () => void): Promise<string | null>;
  close(): void;
}

const ctrlC = "\u0003";
const ctrlD = "\u0004";

/**
 * Reads lines from a terminal or a pipe. Node's readline is not used: it echoes with escape sequences on a terminal,
 * and takes an Enter for the second half of the one before where raw mode ends in between.
 */
export function createLineReader(stdin: NodeJS.ReadStream, interrupt: () => void): LineReader {
  const lines: string[] = [];
  const decoder = new StringDecoder("utf8");
  let begun = "";
  let raw = false;
  let ended = false;
  let wake: () => void = () => undefined;

  function onData(chunk: Buffer | string): void {
    const text = typeof chunk === "string" ? chunk : decoder.write(chunk);
    // A raw terminal sends these keys as characters.
    if (raw && text.includes(ctrlC)) interrupt();
    if (raw && text.includes(ctrlD)) onEnd();
    const parts = (begun + text).split(raw ? /[\r\n]/ : /\r?\n/);
    begun = parts.pop() ?? "";
    lines.push(...parts);
    wake();
  }

  function onEnd(): void {
    if (begun !== "") lines.push(begun);
    begun = "";
    ended = true;
    wake();
  }

  stdin.on("data", onData);
  stdin.on("end", onEnd);

  async function next(signal: AbortSignal): Promise<string | null> {
    for (;;) {
      signal.throwIfAborted();
      const line = lines.shift();
      if (line !== undefined) return line;
      if (ended) return null;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          signal.removeEventListener("abort", done);
          resolve();
        };
        wake = done;
        signal.addEventListener("abort", done);
      });
    }
  }

  function setRaw(on: boolean): void {
    if (stdin.isTTY) stdin.setRawMode(on);
    raw = on && stdin.isTTY;
  }

  return {
    next,
    async nextUnseen(signal, announce) {
      setRaw(true);
      try {
        announce();
        const line = await next(signal);
        return line === null ? null : applyEditing(line);
      } finally {
        setRaw(false);
      }
    },
    close() {
      stdin.off("data", onData);
      stdin.off("end", onEnd);
      stdin.pause();
    },
  };
}

/** What a line discipline does: Backspace takes a character, Ctrl-U the line. */
function applyEditing(line: string): string {
  let text = "";
  for (const character of line) {
    if (character === "\u007f" || character === "\b") text = text.slice(0, -1);
    else if (character === "\u0015") text = "";
    else text += character;
  }
  return text;
}

/** Asks for one of several things; Enter alone means the first, q and the end of the input stop. */
export async function chooseInLines({
  choice: { question, options },
  reader,
  signal,
  say,
}: {
  readonly choice: Choice;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}): Promise<string | null> {
  say(question);
  options.forEach(({ label, detail }, index) => say(`${index + 1}. ${label}. ${detail}`));
  const instructions = "Type a number and press Enter. Press Enter alone for 1, q to quit.";
  say(instructions);
  for (;;) {
    const line = await reader.next(signal);
    const typed = line?.trim().toLowerCase() ?? "q";
    if (typed === "q") return null;
    const chosen = options[typed === "" ? 0 : Number(typed) - 1];
    if (chosen !== undefined) return chosen.value;
    say(instructions);
  }
}

/** Asks a question that is answered with y or n; Enter alone, and the end of the input, mean no. */
export async function confirmInLines({
  confirmation: { question, details },
  reader,
  signal,
  say,
}: {
  readonly confirmation: Confirmation;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}): Promise<boolean> {
  for (const detail of details) say(`    ${detail}`);
  const instructions = "Type y for yes and press Enter. Enter alone means no.";
  say(`${question} ${instructions}`);
  for (;;) {
    const line = await reader.next(signal);
    const typed = line?.trim().toLowerCase() ?? "";
    if (["", "n", "no"].includes(typed)) return false;
    if (["y", "yes"].includes(typed)) return true;
    say(instructions);
  }
}
