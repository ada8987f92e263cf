import { textWidth } from "../text-width.ts";
import { frameColumns } from "./frame-size.ts";
import { span, type Line, type Size } from "./line.ts";

/** What keys do, in one row that is never cut: with less between them where columns are few, then by the shorter list. */
export function footLine(
  keys: readonly string[],
  size: Size,
  fewer: readonly string[] = keys,
): Line {
  return [span(footText(keys, frameColumns(size), fewer), "quiet")];
}

/** The same beside something else, in so many columns. */
export function footText(
  keys: readonly string[],
  columns: number,
  fewer: readonly string[] = keys,
): string {
  const shown = keys.filter((key) => key !== "");
  const few = fewer.filter((key) => key !== "");
  const bare = few.join("  ").replaceAll(":", "");
  const rows = [shown.join("   "), shown.join("  "), few.join("   "), few.join("  "), bare];
  return rows.find((row) => textWidth(row) <= columns) ?? bare;
}
