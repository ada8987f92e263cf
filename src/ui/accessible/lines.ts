import { createInterface } from "node:readline";
import { StringDecoder } from "node:string_decoder";

/** Lines that a person types, one after the other, none lost between two questions. */
export interface LineReader {
  /** The next line, or null at the end of the input. @throws AbortError */
  next(signal: AbortSignal): Promise<string | null>;
  /** The same, with nothing of it shown while it is typed. */
  nextUnseen(signal: AbortSignal): Promise<string | null>;
  close(): void;
}

const ctrlC = "\u0003";
const ctrlD = "\u0004";

export function createLineReader(stdin: NodeJS.ReadStream, interrupt: () => void): LineReader {
  const lines: string[] = [];
  const readline = createInterface({ input: stdin, terminal: false });
  const decoder = new StringDecoder("utf8");
  let ended = false;
  let wake: () => void = () => undefined;

  readline.on("line", (line) => {
    lines.push(line);
    wake();
  });
  readline.on("close", () => {
    ended = true;
    wake();
  });

  // A raw terminal sends these keys as characters.
  function onRawData(chunk: Buffer | string): void {
    const text = typeof chunk === "string" ? chunk : decoder.write(chunk);
    if (text.includes(ctrlC)) interrupt();
    if (text.includes(ctrlD)) {
      ended = true;
      wake();
    }
  }

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

  return {
    next,
    async nextUnseen(signal) {
      if (!stdin.isTTY) return next(signal);
      stdin.on("data", onRawData);
      stdin.setRawMode(true);
      try {
        const line = await next(signal);
        return line === null ? null : applyEditing(line);
      } finally {
        stdin.setRawMode(false);
        stdin.off("data", onRawData);
      }
    },
    close() {
      readline.close();
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
