import { symbols, type Symbols } from "../symbols.ts";
import { noFeatures, type Terminal } from "../writer.ts";

/** What a piece of text is, from which its look follows. */
export type Role = "plain" | "quiet" | "strong" | "good" | "warning" | "bad" | "accent" | "demo";

export interface Look {
  readonly color?: keyof typeof colours;
  readonly bold?: boolean;
  readonly dimColor?: boolean;
}

const colours = { red: 31, green: 32, yellow: 33, magenta: 35, cyan: 36 } as const;

/** How the roles look, and which signs there are. */
export interface Theme {
  readonly symbols: Symbols;
  readonly unicode: boolean;
  readonly links: boolean;
  readonly looks: Readonly<Record<Role, Look>>;
}

const coloured: Theme["looks"] = {
  plain: {},
  quiet: { dimColor: true },
  strong: { bold: true },
  good: { color: "green" },
  warning: { color: "yellow" },
  bad: { color: "red" },
  accent: { color: "cyan" },
  demo: { color: "magenta", bold: true },
};

const uncoloured: Theme["looks"] = {
  plain: {},
  quiet: {},
  strong: {},
  good: {},
  warning: {},
  bad: {},
  accent: {},
  demo: {},
};

/** Without colours no look is left at all: every meaning has a word or a sign beside it. */
export function createTheme({
  color,
  unicode,
  features = noFeatures,
}: Pick<Terminal, "color" | "unicode" | "features">): Theme {
  const { links } = features;
  return { symbols: symbols(unicode), unicode, links, looks: color ? coloured : uncoloured };
}

/** The text between the escape sequences of its look (ECMA-48, SGR). */
export function styled(text: string, { color, bold, dimColor }: Look): string {
  const begin = [
    ...(color === undefined ? [] : [colours[color]]),
    ...(bold === true ? [1] : []),
    ...(dimColor === true ? [2] : []),
  ];
  if (begin.length === 0 || text === "") return text;
  const end = begin.map((code) => (code > 30 ? 39 : 22));
  return `${sgr(begin)}${text}${sgr(end)}`;
}

/** The text as a link (OSC 8). */
export function asLink(text: string, address: string): string {
  return `\u001b]8;;${address}\u001b\\${text}\u001b]8;;\u001b\\`;
}

function sgr(codes: readonly number[]): string {
  return `\u001b[${codes.join(";")}m`;
}
