import { setImmediate as nextTurn } from "node:timers/promises";
import { type IPty, spawn } from "@lydell/node-pty";
import type { Socket } from "node:net";
import { createEmulator, type Emulator } from "./emulator.ts";

export interface PtyOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly columns?: number;
  readonly rows?: number;
}

/** A program in a real pseudo-terminal, with somebody who looks and types. */
export interface Pty extends Emulator {
  readonly pid: number;
  /** Every byte that the program wrote. */
  output(): string;
  /** As typed: `keys.down`, "yes\r". */
  type(text: string): void;
  /** As a terminal pastes: in brackets where the program asked for them. */
  paste(text: string): void;
  readonly exit: Promise<{ readonly exitCode: number; readonly signal: number | undefined }>;
  /** Ends the program if it still runs. */
  close(): void;
}

export const keys = {
  up: "\u001b[A",
  down: "\u001b[B",
  right: "\u001b[C",
  left: "\u001b[D",
  enter: "\r",
  escape: "\u001b",
  space: " ",
  backspace: "\u007f",
  ctrlC: "\u0003",
  ctrlZ: "\u001a",
} as const;

export function openPty({ command, args, env, cwd, columns = 80, rows = 24 }: PtyOptions): Pty {
  const emulator = createEmulator({ columns, rows });
  const child = spawn(command, [...args], {
    name: env["TERM"] ?? "xterm-256color",
    cols: columns,
    rows,
    cwd: cwd ?? import.meta.dirname,
    env: { ...env, TERM: env["TERM"] ?? "xterm-256color" },
  });
  let output = "";
  let ended = false;
  readToTheEnd(child, () => output.length);
  child.onData((data) => {
    output += data;
    emulator.write(data);
  });
  const exit = new Promise<{ exitCode: number; signal: number | undefined }>((resolve) => {
    child.onExit(({ exitCode, signal }) => {
      ended = true;
      // What it wrote last must be on the screen when somebody looks.
      void emulator.settled().then(() => resolve({ exitCode, signal }));
    });
  });

  return {
    // Size and cursor are read when asked for: spread would freeze the getters.
    get columns() {
      return emulator.columns;
    },
    get rows() {
      return emulator.rows;
    },
    pid: child.pid,
    output: () => output,
    type: (text) => child.write(text),
    paste: (text) =>
      child.write(emulator.bracketedPaste() ? `\u001b[200~${text}\u001b[201~` : text),
    exit,
    close() {
      if (!ended) child.kill("SIGKILL");
      emulator.dispose();
    },
    write: emulator.write,
    settled: emulator.settled,
    screen: emulator.screen,
    text: emulator.text,
    scrollback: emulator.scrollback,
    everything: emulator.everything,
    cells: emulator.cells,
    cursor: emulator.cursor,
    bracketedPaste: emulator.bracketedPaste,
    waitFor: emulator.waitFor,
    resize(newColumns, newRows) {
      emulator.resize(newColumns, newRows);
      child.resize(newColumns, newRows);
    },
    dispose: emulator.dispose,
  };
}

/**
 * node-pty closes its end 200 ms after the program has ended, whatever of its output it has read by then: on a busy machine
 * the last lines would be missing. Here it is closed once a turn of the event loop brings nothing any more.
 */
function readToTheEnd(child: IPty, readBytes: () => number): void {
  const { _socket: socket } = child as IPty & { _socket: Pick<Socket, "destroy"> };
  const destroy = socket.destroy.bind(socket);
  const closeOnceRead = async (): Promise<void> => {
    for (let before = -1; before !== readBytes();) {
      before = readBytes();
      await nextTurn();
      await nextTurn();
    }
    destroy();
  };
  socket.destroy = (error) => {
    if (error === undefined) void closeOnceRead();
    else destroy(error);
    return socket as Socket;
  };
}
