import type { Cell } from "../../test/terminal/emulator.ts";
import { cellHeight, cellWidth, drawRow, escapeXml, styleSheet } from "./draw-rows.ts";

type Screen = readonly (readonly Cell[])[];

const margin = 16;

/** A screen of a film, and how long it stands. */
export interface Frame {
  readonly cells: Screen;
  readonly holdMs: number;
}

/** The screen of a terminal as a picture, without the empty rows at its end. */
export function stillSvg(cells: Screen, title: string): string {
  const rows = cells.slice(0, lastRow(cells) + 1);
  const drawn = rows.flatMap((row, index) => {
    const content = drawRow(row);
    const y = margin + index * cellHeight;
    return content === "" ? [] : [`<g transform="translate(${margin},${y})">${content}</g>`];
  });
  return picture({ columns: columnsOf(rows), rows: rows.length, title, style: styleSheet, drawn });
}

/**
 * Screens that take turns, again and again. The frames stand side by side on a strip that moves behind a window; a row
 * that several frames show is drawn once. Who asked for less motion sees the last frame, and so does a viewer without
 * animations.
 */
export function filmSvg(frames: readonly Frame[], title: string): string {
  const shots = joinEqual(frames);
  const columns = Math.max(...shots.map(({ cells }) => columnsOf(cells)));
  const rows = Math.max(...shots.map(({ cells }) => lastRow(cells) + 1));
  const step = Math.ceil(columns * cellWidth + margin);
  const ids = new Map<string, string>();
  const strip = shots.map(({ cells }, shot) => {
    const used = cells.flatMap((row, index) => {
      const content = drawRow(row);
      if (content === "") return [];
      const id = ids.get(content) ?? `r${ids.size}`;
      ids.set(content, id);
      return [`<use href="#${id}" y="${index * cellHeight}"/>`];
    });
    return `<g transform="translate(${shot * step},0)">${used.join("")}</g>`;
  });
  const rowsDrawn = [...ids].map(([content, id]) => `<g id="${id}">${content}</g>`);
  const end = -(shots.length - 1) * step;
  return picture({
    columns,
    rows,
    title,
    style: `${styleSheet}\n${motion(shots, step)}`,
    drawn: [
      `<defs>${rowsDrawn.join("\n")}</defs>`,
      `<svg x="${margin}" y="${margin}" width="${Math.ceil(columns * cellWidth)}" height="${rows * cellHeight}">`,
      `<g class="strip" transform="translate(${end},0)">`,
      ...strip,
      "</g>",
      "</svg>",
    ],
  });
}

function motion(shots: readonly Frame[], step: number): string {
  const totalMs = shots.reduce((sum, { holdMs }) => sum + holdMs, 0);
  let at = 0;
  const stops = shots.map(({ holdMs }, shot) => {
    const percent = Math.round((at / totalMs) * 100_000) / 1000;
    at += holdMs;
    return `${percent}%{transform:translateX(${shot === 0 ? 0 : -shot * step}px)}`;
  });
  return [
    "@media (prefers-reduced-motion:no-preference){",
    `.strip{animation:film ${totalMs / 1000}s step-end infinite}`,
    `@keyframes film{${stops.join("")}}`,
    "}",
  ].join("\n");
}

/** Neighbours that look the same become one that stands longer. */
function joinEqual(frames: readonly Frame[]): Frame[] {
  const joined: Frame[] = [];
  for (const frame of frames) {
    const last = joined.at(-1);
    if (last !== undefined && JSON.stringify(last.cells) === JSON.stringify(frame.cells)) {
      joined[joined.length - 1] = { ...last, holdMs: last.holdMs + frame.holdMs };
    } else joined.push(frame);
  }
  return joined;
}

interface Picture {
  readonly columns: number;
  readonly rows: number;
  readonly title: string;
  readonly style: string;
  readonly drawn: readonly string[];
}

function picture({ columns, rows, title, style, drawn }: Picture): string {
  const width = Math.ceil(columns * cellWidth + 2 * margin);
  const height = Math.ceil(rows * cellHeight + 2 * margin);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" xml:space="preserve" role="img" aria-label="${escapeXml(title)}">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${style}</style>`,
    `<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8" class="screen"/>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function columnsOf(cells: Screen): number {
  return cells[0]?.length ?? 0;
}

function lastRow(cells: Screen): number {
  return cells.findLastIndex((row) => row.some(({ text }) => text.trim() !== ""));
}
