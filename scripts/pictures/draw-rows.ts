import type { Cell, Colour } from "../../test/terminal/emulator.ts";

export const cellWidth = 8.4;
export const cellHeight = 18;
const fontSize = 14;

/** A terminal's background, its text, and its first sixteen colours. */
interface Palette {
  readonly background: string;
  readonly border: string;
  readonly text: string;
  readonly colours: readonly string[];
}

const dark: Palette = {
  background: "#14171c",
  border: "#30363d",
  text: "#d7dce2",
  colours: [
    "#14171c",
    "#f07178",
    "#9ccc65",
    "#e6c255",
    "#6aa7f0",
    "#d08cf0",
    "#5ec4c9",
    "#d7dce2",
    "#6b7480",
    "#ff8b92",
    "#b5e07f",
    "#ffd76a",
    "#86bdff",
    "#e0a5ff",
    "#7adfe4",
    "#ffffff",
  ],
};
const light: Palette = {
  background: "#fbfcfd",
  border: "#d0d7de",
  text: "#1f2328",
  colours: [
    "#24292f",
    "#cf222e",
    "#1a7f37",
    "#9a6700",
    "#0969da",
    "#8250df",
    "#1b7c83",
    "#57606a",
    "#57606a",
    "#a40e26",
    "#116329",
    "#7d4e00",
    "#0550ae",
    "#6639ba",
    "#3192aa",
    "#1f2328",
  ],
};

/** What the classes of `drawRow` look like: dark, and light where the reader's screen is. */
export const styleSheet = [
  `text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;font-size:${fontSize}px}`,
  ".bold{font-weight:bold}",
  ".dim{opacity:.65}",
  colourRules(dark),
  `@media (prefers-color-scheme:light){${colourRules(light)}}`,
].join("\n");

function colourRules({ background, border, text, colours }: Palette): string {
  const rules = colours.map((colour, index) => `.c${index}{fill:${colour}}`).join("");
  return `.screen{fill:${background};stroke:${border}}.back{fill:${background}}.fore{fill:${text}}${rules}`;
}

const barHeight = cellHeight - 6;

/** How much of a cell a sign fills: its width, counted from the left, how densely, and how high. */
type Block = readonly [width: number, opacity: number, height?: number];

const blocks: Readonly<Record<string, Block>> = {
  "█": [1, 1],
  "▓": [1, 0.75],
  "▒": [1, 0.5],
  "░": [1, 0.25],
  "▉": [7 / 8, 1],
  "▊": [6 / 8, 1],
  "▋": [5 / 8, 1],
  "▌": [4 / 8, 1],
  "▍": [3 / 8, 1],
  "▎": [2 / 8, 1],
  "▏": [1 / 8, 1],
  "━": [1, 1, 3],
  "─": [1, 1, 1],
};

interface Run {
  readonly look: string;
  readonly behind: string | null;
  /** A sign that is drawn as a rectangle, or "" for text. */
  readonly block: string;
  readonly column: number;
  readonly cells: Cell[];
}

/** A row of a screen, its upper left corner at 0, 0: text in a grid, bars as rectangles that no font leaves gaps in. */
export function drawRow(row: readonly Cell[]): string {
  const runs: Run[] = [];
  for (const [column, cell] of row.entries()) {
    // The second half of a wide character is drawn with its first.
    if (cell.width === 0) continue;
    const look = lookOf(cell);
    const behind = behindOf(cell);
    const block = cell.text in blocks ? cell.text : "";
    const last = runs.at(-1);
    if (last?.look === look && last.behind === behind && last.block === block)
      last.cells.push(cell);
    else runs.push({ look, behind, block, column, cells: [cell] });
  }
  return runs.flatMap(drawRun).join("");
}

function drawRun({ look, behind, block, column, cells }: Run): string[] {
  const x = column * cellWidth;
  const columns = cells.reduce((sum, cell) => sum + cell.width, 0);
  const drawn = behind === null ? [] : [rectangle(x, 0, columns, cellHeight, behind)];
  const bar = blocks[block];
  if (bar !== undefined) {
    const [width, opacity, height = barHeight] = bar;
    const top = (cellHeight - height) / 2;
    const shade = opacity === 1 ? "" : ` fill-opacity="${opacity}"`;
    // A part of a cell stands alone: two of them have a gap between them.
    return width === 1
      ? [...drawn, rectangle(x, top, columns, height, look, shade)]
      : [
          ...drawn,
          ...cells.map((_, index) => rectangle(x + index * cellWidth, top, width, height, look)),
        ];
  }
  const text = cells.map((cell) => (cell.text === "" ? " " : cell.text)).join("");
  // Spaces at the ends are left out: not every viewer keeps them.
  const shown = text.trim();
  if (shown === "") return drawn;
  const before = text.length - text.trimStart().length;
  const after = text.length - text.trimEnd().length;
  const left = round(x + before * cellWidth);
  const length = round((columns - before - after) * cellWidth);
  return [
    ...drawn,
    `<text x="${left}" y="13" textLength="${length}" class="${look}">${escapeXml(shown)}</text>`,
  ];
}

function rectangle(
  x: number,
  y: number,
  columns: number,
  height: number,
  look: string,
  shade = "",
): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(columns * cellWidth)}" height="${height}" class="${look}"${shade}/>`;
}

function lookOf(cell: Cell): string {
  const colour = cell.inverse
    ? colourClass(cell.background, "back")
    : colourClass(cell.foreground, "fore");
  return [colour, ...(cell.bold ? ["bold"] : []), ...(cell.dim ? ["dim"] : [])].join(" ");
}

function behindOf(cell: Cell): string | null {
  if (cell.inverse) return colourClass(cell.foreground, "fore");
  return cell.background.kind === "default" ? null : colourClass(cell.background, "back");
}

/** heros uses a terminal's sixteen colours alone: another would have no counterpart on a light screen. */
function colourClass(colour: Colour, usual: "back" | "fore"): string {
  return colour.kind === "palette" && colour.index < 16 ? `c${colour.index}` : usual;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
