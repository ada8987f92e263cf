import type { ModelSet, Option } from "../../../plan/options.ts";
import { formatBytes, formatMemory } from "../../../run/units.ts";
import { cleanText } from "../../clean-text.ts";
import { padded, shorten, textWidth, wrapText } from "../../text-width.ts";
import { partRows } from "../../messages/totals.ts";
import type { WizardView } from "../header.ts";
import { blank, frameColumns, type Line, span } from "../line.ts";
import { isChosen, shownOptions } from "./wizard-state.ts";

/** Rows for the options: how many of them are beyond one for each. */
export interface OptionBlock {
  readonly rows: readonly Line[];
  readonly more: number;
}

export interface OptionRoom {
  /** Rows for the options themselves. */
  readonly options: number;
  /** How many more there are for the rest of them. */
  readonly more: number;
  /** How many of those would be welcome elsewhere. */
  readonly spared: number;
}

interface Cells {
  readonly name: string;
  readonly gives: string;
  readonly size: string;
  readonly memory: string;
  /** "required", "cached". */
  readonly note: string;
}

/** How wide the columns are; without `gives` that stands below its set. */
interface Widths {
  readonly name: number;
  readonly gives: number | null;
  readonly size: number;
  readonly memory: number;
  readonly note: number;
}

const gap = "  ";

/** The sets of models, a row each: name, what it gives, size, memory. Where columns are few, what it gives stands below. */
export function setsGrid(view: WizardView, room: OptionRoom): OptionBlock {
  const cells = allCells(view);
  if (cells.length > room.options) {
    const first = Math.min(view.wizard.cursor, cells.length - room.options);
    const narrow = { ...widthsOf(view, cells), gives: null };
    const shown = cells.slice(first, first + room.options);
    return { rows: shown.map((cell, index) => setRow(view, cell, first + index, narrow)), more: 0 };
  }
  const blocks = gridBlocks(view, cells);
  return (
    blocks.find(({ more }) => more <= room.more - room.spared) ??
    blocks.find(({ more }) => more <= room.more) ?? { rows: [], more: 0 }
  );
}

/** The rows that the grid wants beyond one for each set: for all that it has to say, for less, for the least. */
export function gridMoreRows(view: WizardView): readonly number[] {
  const cells = allCells(view);
  return gridBlocks(view, cells).map(({ more }) => more);
}

function allCells({ wizard, size }: WizardView): Cells[] {
  return shownOptions(wizard).map((option) => cellsOf(option, frameColumns(size)));
}

function cellsOf({ label, locked, set }: Option, columns: number): Cells {
  const { gives, totalBytes, cachedBytes, memoryBytes }: ModelSet = set ?? {
    gives: "",
    totalBytes: 0,
    cachedBytes: 0,
    memoryBytes: 0,
  };
  const isCached = totalBytes > 0 && cachedBytes >= totalBytes;
  return {
    name: cleanText(label),
    gives: cleanText(gives),
    size: totalBytes === 0 ? "unknown" : formatBytes(totalBytes),
    memory: formatMemory(memoryBytes),
    // One word where columns are few: the totals tell the rest.
    note: [...(locked ? ["required"] : []), ...(isCached ? ["cached"] : [])]
      .slice(0, columns < 60 ? 1 : 2)
      .join(", "),
  };
}

/** Columns for the longest in them; what a set gives has a column of its own where that is wide enough to read. */
function widthsOf(view: WizardView, cells: readonly Cells[]): Widths {
  const columns = frameColumns(view.size);
  const widest = (column: keyof Cells): number =>
    Math.max(0, ...cells.map((cell) => textWidth(cell[column])));
  const size = Math.max("size".length, widest("size"));
  const memory = Math.max("memory".length, widest("memory"));
  const note = widest("note");
  const rest = signWidth(view) + gap.length + size + (note === 0 ? 0 : gap.length + note);
  const name = Math.min(widest("name"), Math.max(8, columns - rest));
  const left = columns - rest - name - memory - 2 * gap.length;
  const gives = Math.min(widest("gives"), left);
  return { name, gives: gives >= Math.min(20, widest("gives")) ? gives : null, size, memory, note };
}

/** From the one that says most to the one that says least; each is as high wherever the cursor stands. */
function gridBlocks(view: WizardView, cells: readonly Cells[]): readonly OptionBlock[] {
  const widths = widthsOf(view, cells);
  const { gives } = widths;
  const bare = cells.map((cell, index) => setRow(view, cell, index, widths));
  if (gives === null) return [...detailBlocks(view, cells, bare), { rows: bare, more: 0 }];
  const whole = cells.flatMap((cell, index) => {
    const [first = "", ...rest] = wrapText(cell.gives, gives);
    const indent = " ".repeat(signWidth(view) + widths.name) + gap;
    return [
      setRow(view, { ...cell, gives: first }, index, widths),
      ...rest.map((text): Line => [span(indent), span(text, "quiet")]),
    ];
  });
  const heading: Line = [
    span(" ".repeat(signWidth(view) + widths.name + gap.length + gives) + gap),
    span(`${"size".padStart(widths.size)}${gap}${"memory".padStart(widths.memory)}`, "quiet"),
  ];
  const headed = { rows: [heading, ...whole], more: whole.length - cells.length + 1 };
  return [headed, { rows: whole, more: headed.more - 1 }, { rows: bare, more: 0 }];
}

/** What the sets give and take below them: of all, of the one under the cursor, in one row of it. */
function detailBlocks(
  view: WizardView,
  cells: readonly Cells[],
  bare: readonly Line[],
): OptionBlock[] {
  const indent = " ".repeat(signWidth(view));
  const { separator } = view.theme.symbols;
  const details = cells.map(({ gives, memory }) => {
    const columns = frameColumns(view.size) - indent.length;
    const parts = [gives, `${memory} memory`].filter((part) => part !== "");
    return partRows(parts, { columns, separator })
      .flatMap((row) => wrapText(row, columns))
      .map((row): Line => [span(indent), span(row, "quiet")]);
  });
  const { cursor } = view.wizard;
  const all = bare.flatMap((row, index) => [row, ...(details[index] ?? [])]);
  const underCursor = (most: number): OptionBlock => {
    const rows = bare.flatMap((row, index) =>
      index === cursor ? [row, ...(details[index] ?? []).slice(0, most)] : [row],
    );
    const padding = Array<Line>(bare.length + most - rows.length).fill(blank);
    return { rows: [...rows, ...padding], more: most };
  };
  return [
    { rows: all, more: all.length - bare.length },
    underCursor(Math.max(0, ...details.map(({ length }) => length))),
    underCursor(1),
  ];
}

function signWidth({ theme }: WizardView): number {
  return 2 + theme.symbols.chosen.length + 1;
}

function setRow(view: WizardView, cells: Cells, index: number, widths: Widths): Line {
  const { symbols } = view.theme;
  const option = shownOptions(view.wizard)[index];
  const chosen = option !== undefined && isChosen(option, view.wizard);
  const under = index === view.wizard.cursor;
  const cut = (text: string, width: number): string =>
    padded(shorten(text, width, symbols.ellipsis), width);
  const gives = widths.gives === null ? [] : [span(gap + cut(cells.gives, widths.gives), "quiet")];
  const memory =
    widths.gives === null ? [] : [span(gap + cells.memory.padStart(widths.memory), "quiet")];
  return [
    span(under ? `${symbols.pointer} ` : "  ", "accent"),
    span(`${chosen ? symbols.chosen : symbols.open} `, chosen ? "good" : "quiet"),
    span(cut(cells.name, widths.name), under ? "accent" : "plain"),
    ...gives,
    span(gap + cells.size.padStart(widths.size)),
    ...memory,
    ...(cells.note === "" ? [] : [span(gap + cells.note, "quiet")]),
  ];
}
