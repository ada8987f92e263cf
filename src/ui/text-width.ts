const wide =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1b000}-\u{1b2fb}\u{20000}-\u{3fffd}]/u;
const invisible = /^[\p{M}\p{Cf}]+$/u;
/** One cell each, whatever stands beside them: Latin letters, and the signs that frames are full of. */
const narrow =
  /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u024f\u2010-\u2027\u2039\u203a\u2580-\u259f\u2713\u2717\u2800-\u28ff]*$/;
let segmenter: Intl.Segmenter | null = null;

/** To make one takes some ten milliseconds, and most of what is written needs none. */
function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return segmenter.segment(text);
}

/** How many cells a terminal needs for the text: two for CJK and emoji, none for combining marks. */
export function textWidth(text: string): number {
  if (narrow.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes(text)) width += graphemeWidth(segment);
  return width;
}

/** The text in at most so many cells, with the ellipsis at its end where something was cut. */
export function shorten(text: string, width: number, ellipsis: string): string {
  if (textWidth(text) <= width) return text;
  const mark = textWidth(ellipsis) < width ? ellipsis : "";
  return cut(text, Math.max(0, width - textWidth(mark))) + mark;
}

/** The text in lines of at most so many cells, broken between words where it can be. */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (textWidth(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    while (textWidth(line) > width) {
      const piece = cut(line, width);
      if (piece === "") break;
      lines.push(piece);
      line = line.slice(piece.length);
    }
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
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

/** The text followed by as many spaces as make it so wide. */
export function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - textWidth(text)));
}

function cut(text: string, width: number): string {
  let kept = "";
  let left = width;
  for (const { segment } of graphemes(text)) {
    left -= graphemeWidth(segment);
    if (left < 0) break;
    kept += segment;
  }
  return kept;
}

function graphemeWidth(grapheme: string): number {
  if (invisible.test(grapheme)) return 0;
  return wide.test(grapheme) || grapheme.includes("\ufe0f") ? 2 : 1;
}
