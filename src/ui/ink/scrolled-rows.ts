import { textWidth, wrapText } from "../text-width.ts";
import { demoWords } from "../words/run.ts";
import { blank, span, type Line } from "./line.ts";
import type { ScrolledLine } from "./scrolled.ts";
import type { Role, Theme } from "./theme.ts";

const roles = { info: "plain", good: "good", warning: "warning", bad: "bad" } as const;

/** A finished thing in rows of at most so many columns. */
export function scrolledRows(line: ScrolledLine, columns: number, theme: Theme): Line[] {
  const { sentence, apart, demo } = line;
  const role: Role = roles[sentence.tone];
  const mark = sentence.mark === null ? "" : `${theme.signs[sentence.mark]} `;
  // Where a sign carries the colour the words need none.
  const textRole = mark === "" || sentence.tone === "bad" ? role : "plain";
  const indent = " ".repeat(textWidth(mark));
  const text = wrapText(sentence.text, columns - textWidth(mark)).map((words, index): Line => [
    ...(mark === "" ? [] : [index === 0 ? span(mark, role) : span(indent)]),
    span(words, textRole),
  ]);
  return [
    ...(apart ? [blank] : []),
    ...(demo ? wrapText(demoWords, columns).map((words): Line => [span(words, "demo")]) : []),
    ...text,
    ...sentence.more.flatMap((words) => moreRows(words, columns)),
  ];
}

/** What belongs to a sentence stands a little to the right, as far as it was moved already. */
function moreRows(words: string, columns: number): Line[] {
  const text = words.trimStart();
  const indent = " ".repeat(Math.min(4 + words.length - text.length, Math.floor(columns / 4)));
  return wrapText(text, columns - indent.length).map((row): Line => [span(indent + row)]);
}

/** The newest rows, as many as there is room for. */
export function newestRows(
  lines: readonly ScrolledLine[],
  room: number,
  { columns, theme }: { readonly columns: number; readonly theme: Theme },
): Line[] {
  const rows: Line[] = [];
  for (const line of lines.toReversed()) {
    if (rows.length >= room) break;
    rows.unshift(...scrolledRows(line, columns, theme));
  }
  return room <= 0 ? [] : rows.slice(-room);
}
