import { textWidth } from "../text-width.ts";

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
