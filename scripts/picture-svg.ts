import type { Cell, Colour } from "../test/terminal/emulator.ts";

const cellWidth = 8.4;
const cellHeight = 18;
const margin = 16;
const fontSize = 14;
const background = "#14171c";
const foreground = "#d7dce2";
/** The first sixteen colours of a terminal, as on a dark background. */
const palette = [
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
];

/** The screen of a terminal as a picture: text in a grid, bars as rectangles. Nothing but cells comes in. */
export function cellsToSvg(cells: readonly (readonly Cell[])[], title: string): string {
  const rows = cells.slice(0, lastRow(cells) + 1);
  const columns = rows[0]?.length ?? 0;
  const width = Math.ceil(columns * cellWidth + 2 * margin);
  const height = Math.ceil(rows.length * cellHeight + 2 * margin);
  const drawn = rows.flatMap((row, index) => drawRow(row, index));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${background}"/>`,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${fontSize}" xml:space="preserve">`,
    ...drawn,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

function lastRow(cells: readonly (readonly Cell[])[]): number {
  return cells.findLastIndex((row) => row.some(({ text }) => text.trim() !== ""));
}

interface Run {
  readonly look: string;
  readonly kind: "text" | "full" | "shade";
  readonly column: number;
  readonly cells: Cell[];
}

function drawRow(row: readonly Cell[], index: number): string[] {
  const runs: Run[] = [];
  for (const [column, cell] of row.entries()) {
    // The second half of a wide character is drawn with its first.
    if (cell.width === 0) continue;
    const look = attributes(cell);
    const kind = cell.text === "█" ? "full" : cell.text === "░" ? "shade" : "text";
    const last = runs.at(-1);
    if (last !== undefined && last.look === look && last.kind === kind) last.cells.push(cell);
    else runs.push({ look, kind, column, cells: [cell] });
  }
  return runs.flatMap((run) => drawRun(run, margin + index * cellHeight));
}

function drawRun(run: Run, top: number): string[] {
  const text = run.cells.map((cell) => (cell.text === "" ? " " : cell.text)).join("");
  if (text.trim() === "") return [];
  const x = round(margin + run.column * cellWidth);
  const width = round(run.cells.reduce((sum, cell) => sum + cell.width, 0) * cellWidth);
  if (run.kind !== "text") {
    const opacity = run.kind === "shade" ? ` fill-opacity="0.25"` : "";
    return [
      `<rect x="${x}" y="${top + 3}" width="${width}" height="${cellHeight - 6}"${run.look}${opacity}/>`,
    ];
  }
  // Spaces at the ends are left out: not every viewer keeps them.
  const shown = text.trim();
  const before = text.length - text.trimStart().length;
  const after = text.length - text.trimEnd().length;
  const left = round(x + before * cellWidth);
  const length = round(width - (before + after) * cellWidth);
  return [
    `<text x="${left}" y="${top + 13}" textLength="${length}"${run.look}>${escapeXml(shown)}</text>`,
  ];
}

function attributes(cell: Cell): string {
  const fill = colourValue(cell.foreground);
  const weight = cell.bold ? ` font-weight="bold"` : "";
  const opacity = cell.dim ? ` opacity="0.65"` : "";
  return ` fill="${fill}"${weight}${opacity}`;
}

function colourValue(colour: Colour): string {
  switch (colour.kind) {
    case "default":
      return foreground;
    case "palette":
      return palette[colour.index] ?? foreground;
    case "rgb":
      return `#${colour.value.toString(16).padStart(6, "0")}`;
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
