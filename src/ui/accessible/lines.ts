import { createInterface } from "node:readline";

/** Lines that a person types, one after the other, none lost between two questions. */
export interface LineReader {
  /** The next line, or null at the end of the input. @throws AbortError */
  next(signal: AbortSignal): Promise<string | null>;
  /** The same, with nothing of it shown while it is typed. */
  nextUnseen(signal: AbortSignal): Promise<string | null>;
  close(): void;
}

const ctrlC = "\u0003";

export function createLineReader(stdin: NodeJS.ReadStream, interrupt: () => void): LineReader {
  const lines: string[] = [];
  const interface_ = createInterface({ input: stdin, terminal: false });
  let ended = false;
  let wake: (() => void) | null = null;

  interface_.on("line", (line) => {
    lines.push(line);
    wake?.();
  });
  interface_.on("close", () => {
    ended = true;
    wake?.();
  });

  async function next(signal: AbortSignal): Promise<string | null> {
    for (;;) {
      signal.throwIfAborted();
      const line = lines.shift();
      if (line !== undefined) return line;
      if (ended) return null;
      await new Promise<void>((resolve) => {
        wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  return {
    next,
    async nextUnseen(signal) {
      if (!stdin.isTTY) return next(signal);
      // A raw terminal sends Ctrl-C as a character.
      const onData = (chunk: Buffer | string): void => {
        if (chunk.toString().includes(ctrlC)) interrupt();
      };
      stdin.on("data", onData);
      stdin.setRawMode(true);
      try {
        const line = await next(signal);
        return line === null ? null : applyEditing(line);
      } finally {
        stdin.setRawMode(false);
        stdin.off("data", onData);
      }
    },
    close() {
      interface_.close();
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
