import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

/** One cell each, whatever stands beside them. Frames are full of these, and to count them so is a hundred times quicker. */
const narrow =
  /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u024f\u2010-\u2027\u2039\u203a\u2500-\u259f\u2713\u2717\u2800-\u28ff]*$/;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** How many cells a terminal needs for the text: two for CJK and emoji, none for combining marks. */
export function textWidth(text: string): number {
  return narrow.test(text) ? text.length : stringWidth(text);
}

/** The text in at most so many cells, with the ellipsis at its end where something was cut. */
export function shorten(text: string, width: number, ellipsis: string): string {
  if (textWidth(text) <= width) return text;
  const mark = textWidth(ellipsis) < width ? ellipsis : "";
  let kept = "";
  let left = width - textWidth(mark);
  for (const { segment } of graphemes.segment(text)) {
    left -= textWidth(segment);
    if (left < 0) break;
    kept += segment;
  }
  return kept + mark;
}

/**
 * The text in lines of at most so many cells, broken between words where it can be. A word that is longer begins on a
 * line of its own; `hard` for all of the text would begin it behind other words, and so cut it once more.
 */
export function wrapText(text: string, width: number): string[] {
  // As it is: spaces may make columns of it.
  if (textWidth(text) <= width) return [text.trim()];
  const words = text.split(" ").filter((word) => word !== "");
  const pieces = words.map((word) =>
    textWidth(word) <= width ? word : wrapAnsi(word, width, { hard: true }).replaceAll("\n", " "),
  );
  return wrapAnsi(pieces.join(" "), width).split("\n");
}

/** The text in lines of at most so many cells that together are the text: no space is lost. */
export function wrapWhole(text: string, width: number): string[] {
  return wrapAnsi(text, width, { hard: true, trim: false }).split("\n");
}

/** The text followed by as many spaces as make it so wide. */
export function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

/**
 * The text in lines of at most so many cells, broken between words; its own spaces stay, so that columns stay columns, and
 * what goes on stands under it, further to the right. A word that is longer, as a path that is to be copied, is not cut.
 */
export function foldText(text: string, width: number, hang: number): string[] {
  const lead = text.slice(0, text.length - text.trimStart().length);
  const indent = " ".repeat(Math.min(lead.length + hang, Math.floor(width / 2)));
  const lines: string[] = [];
  let line = lead;
  let empty = true;
  for (const part of text.slice(lead.length).split(/(?<! )(?= )/)) {
    if (empty || textWidth(line + part) <= width) line += part;
    else {
      lines.push(line);
      line = indent + part.trimStart();
    }
    empty = false;
  }
  return [...lines, line];
}
