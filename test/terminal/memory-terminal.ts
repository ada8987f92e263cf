import { PassThrough, Writable } from "node:stream";
import type { Terminal } from "../../src/ui/writer.ts";
import { createEmulator, type Emulator } from "./emulator.ts";

export interface MemoryTerminal {
  readonly terminal: Terminal;
  readonly emulator: Emulator;
  /** Everything that was written to stdout and to stderr. */
  stdout(): string;
  stderr(): string;
  type(text: string): void;
  /** Ctrl-D, or a pipe that ends. */
  end(): void;
  resize(columns: number, rows: number): void;
  /** How often Ctrl-C arrived. */
  interrupts(): number;
}

export interface MemoryTerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly color?: boolean;
  readonly unicode?: boolean;
  readonly verbosity?: Terminal["verbosity"];
  /** False: pipes, as in CI. */
  readonly isTty?: boolean;
}

/** Streams in this process that end in a terminal emulator: what a writer shows, without a child process. */
export function createMemoryTerminal(options: MemoryTerminalOptions = {}): MemoryTerminal {
  const { columns = 80, rows = 24, color = true, unicode = true, isTty = true } = options;
  const emulator = createEmulator({ columns, rows });
  const out = createSink((text) => emulator.write(text.replaceAll("\n", "\r\n")));
  const err = createSink((text) => emulator.write(text.replaceAll("\n", "\r\n")));
  const stdin = new PassThrough();
  Object.assign(stdin, {
    isTTY: isTty,
    setRawMode: () => stdin,
    ref: () => stdin,
    unref: () => stdin,
  });
  Object.assign(out.stream, { isTTY: isTty, columns, rows });
  Object.assign(err.stream, { isTTY: isTty, columns, rows });
  let interrupts = 0;
  const terminal: Terminal = {
    // Only what the writers use of the terminal's streams is there.
    stdin: stdin as unknown as Terminal["stdin"],
    stdout: out.stream as unknown as Terminal["stdout"],
    stderr: err.stream as unknown as Terminal["stderr"],
    color,
    unicode,
    verbosity: options.verbosity ?? "normal",
    interrupt() {
      interrupts += 1;
    },
  };
  return {
    terminal,
    emulator,
    stdout: out.text,
    stderr: err.text,
    type: (text) => stdin.write(text),
    end: () => stdin.end(),
    resize(newColumns, newRows) {
      emulator.resize(newColumns, newRows);
      Object.assign(out.stream, { columns: newColumns, rows: newRows });
      out.stream.emit("resize");
    },
    interrupts: () => interrupts,
  };
}

function createSink(show: (text: string) => void): { stream: Writable; text(): string } {
  let text = "";
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      const piece = chunk.toString();
      text += piece;
      show(piece);
      done();
    },
  });
  return { stream, text: () => text };
}
