import xterm from "@xterm/headless";

/** One cell of the screen, as a picture needs it. */
export interface Cell {
  readonly text: string;
  /** 2 for CJK and emoji, 0 for the cell that such a one covers. */
  readonly width: number;
  readonly foreground: Colour;
  readonly background: Colour;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly inverse: boolean;
}

/** The terminal's own, one of its 256, or a value of 24 bits. */
export type Colour =
  | { readonly kind: "default" }
  | { readonly kind: "palette"; readonly index: number }
  | { readonly kind: "rgb"; readonly value: number };

export interface Emulator {
  readonly columns: number;
  readonly rows: number;
  write(data: string | Uint8Array): void;
  /** Resolves once everything written so far is on the screen. */
  settled(): Promise<void>;
  /** What a person sees: the visible rows without trailing spaces. */
  screen(): string[];
  /** The same as one text, without empty rows at its end. */
  text(): string;
  /** Rows that scrolled away above the screen. */
  scrollback(): string[];
  /** Scrollback and screen as one text. */
  everything(): string;
  cells(): Cell[][];
  cursor(): { readonly visible: boolean; readonly column: number; readonly row: number };
  bracketedPaste(): boolean;
  resize(columns: number, rows: number): void;
  /** Resolves when the screen and its scrollback hold it. @throws Error that shows the screen, after the time limit */
  waitFor(wanted: string | RegExp | ((screen: string) => boolean), limitMs?: number): Promise<void>;
  dispose(): void;
}

/** A terminal of this size that nobody looks at. */
export function createEmulator({
  columns = 80,
  rows = 24,
}: { readonly columns?: number; readonly rows?: number } = {}): Emulator {
  const terminal = new xterm.Terminal({
    cols: columns,
    rows,
    scrollback: 10_000,
    allowProposedApi: true,
    convertEol: false,
  });
  let cursorVisible = true;
  terminal.parser.registerCsiHandler({ prefix: "?", final: "h" }, (parameters) => {
    if (parameters.includes(25)) cursorVisible = true;
    return false;
  });
  terminal.parser.registerCsiHandler({ prefix: "?", final: "l" }, (parameters) => {
    if (parameters.includes(25)) cursorVisible = false;
    return false;
  });

  function lines(from: number, to: number): string[] {
    const { active } = terminal.buffer;
    return Array.from(
      { length: Math.max(0, to - from) },
      (_, index) => active.getLine(from + index)?.translateToString(true) ?? "",
    );
  }

  function screen(): string[] {
    const { baseY } = terminal.buffer.active;
    return lines(baseY, baseY + terminal.rows);
  }

  function everything(): string {
    return trimEnd(lines(0, terminal.buffer.active.baseY + terminal.rows).join("\n"));
  }

  function text(): string {
    return trimEnd(screen().join("\n"));
  }

  return {
    get columns() {
      return terminal.cols;
    },
    get rows() {
      return terminal.rows;
    },
    write: (data) => terminal.write(data),
    settled: () => new Promise((resolve) => terminal.write("", resolve)),
    screen,
    text,
    scrollback: () => lines(0, terminal.buffer.active.baseY),
    everything,
    cells: () => readCells(terminal),
    cursor: () => ({
      visible: cursorVisible,
      column: terminal.buffer.active.cursorX,
      row: terminal.buffer.active.cursorY,
    }),
    bracketedPaste: () => terminal.modes.bracketedPasteMode,
    resize: (newColumns, newRows) => terminal.resize(newColumns, newRows),
    async waitFor(wanted, limitMs = 240_000) {
      await new Promise<void>((resolve, reject) => {
        const check = (): void => {
          if (!holds(wanted, text())) return;
          clearTimeout(timer);
          subscription.dispose();
          resolve();
        };
        const subscription = terminal.onWriteParsed(check);
        const timer = setTimeout(() => {
          subscription.dispose();
          reject(new Error(`Not seen: ${String(wanted)}\nThe screen:\n${everything()}`));
        }, limitMs);
        check();
      });
    },
    dispose: () => terminal.dispose(),
  };
}

function holds(wanted: string | RegExp | ((screen: string) => boolean), text: string): boolean {
  if (typeof wanted === "string") return text.includes(wanted);
  return wanted instanceof RegExp ? wanted.test(text) : wanted(text);
}

function trimEnd(text: string): string {
  return text.replace(/\n+$/, "");
}

function readCells(terminal: xterm.Terminal): Cell[][] {
  const { active } = terminal.buffer;
  return Array.from({ length: terminal.rows }, (_, row) => {
    const line = active.getLine(active.baseY + row);
    return Array.from({ length: terminal.cols }, (__, column) => readCell(line?.getCell(column)));
  });
}

type BufferCell = NonNullable<
  ReturnType<NonNullable<ReturnType<xterm.Terminal["buffer"]["active"]["getLine"]>>["getCell"]>
>;

function readCell(cell: BufferCell | undefined): Cell {
  return {
    text: cell?.getChars() ?? "",
    width: cell?.getWidth() ?? 1,
    foreground: colour(cell?.isFgPalette(), cell?.isFgRGB(), cell?.getFgColor()),
    background: colour(cell?.isBgPalette(), cell?.isBgRGB(), cell?.getBgColor()),
    bold: (cell?.isBold() ?? 0) !== 0,
    dim: (cell?.isDim() ?? 0) !== 0,
    inverse: (cell?.isInverse() ?? 0) !== 0,
  };
}

function colour(
  isPalette: boolean | undefined,
  isRgb: boolean | undefined,
  value: number | undefined,
): Colour {
  if (isPalette === true) return { kind: "palette", index: value ?? 0 };
  if (isRgb === true) return { kind: "rgb", value: value ?? 0 };
  return { kind: "default" };
}
