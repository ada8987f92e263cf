/** The signs before lines. Each has another shape, so that no meaning hangs on colour alone. */
export interface Symbols {
  readonly ok: string;
  readonly warning: string;
  readonly failed: string;
  readonly waiting: string;
  /** Beside a bar, which itself shows that it goes on: a sign that moved would cost the terminal the whole row. */
  readonly coming: string;
  readonly skipped: string;
  /** One cell each, for rows where stages stand side by side. */
  readonly short: Readonly<Record<"ok" | "warning" | "failed" | "waiting" | "skipped", string>>;
  /** Before the option under the cursor. */
  readonly pointer: string;
  readonly chosen: string;
  readonly open: string;
  /** The bar over all; what is verified is the darkest. */
  readonly bar: Readonly<Record<"verified" | "received" | "empty", string>>;
  /** One row's bar. */
  readonly thinBar: Readonly<Record<"full" | "empty", string>>;
  readonly separator: string;
  readonly up: string;
  readonly down: string;
  readonly ellipsis: string;
  readonly spinner: readonly string[];
}

const unicodeSymbols: Symbols = {
  ok: "[✓]",
  warning: "[!]",
  failed: "[✗]",
  waiting: "[ ]",
  coming: "[↓]",
  skipped: "[-]",
  short: { ok: "✓", warning: "!", failed: "✗", waiting: "·", skipped: "-" },
  pointer: "›",
  chosen: "[✓]",
  open: "[ ]",
  bar: { verified: "█", received: "▓", empty: "░" },
  thinBar: { full: "━", empty: "─" },
  separator: "·",
  up: "↑",
  down: "↓",
  ellipsis: "…",
  spinner: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
};

const asciiSymbols: Symbols = {
  ok: "[ok]",
  warning: "[ !]",
  failed: "[!!]",
  waiting: "[  ]",
  coming: "[ >]",
  skipped: "[ -]",
  short: { ok: "+", warning: "!", failed: "x", waiting: ".", skipped: "-" },
  pointer: ">",
  chosen: "[x]",
  open: "[ ]",
  bar: { verified: "#", received: "=", empty: "." },
  thinBar: { full: "=", empty: "." },
  separator: "-",
  up: "Up",
  down: "Down",
  ellipsis: "...",
  spinner: ["|", "/", "-", "\\"],
};

/** Unicode where the terminal shows it, ASCII elsewhere. */
export function symbols(unicode: boolean): Symbols {
  return unicode ? unicodeSymbols : asciiSymbols;
}
