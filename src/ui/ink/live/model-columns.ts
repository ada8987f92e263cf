import { textWidth } from "../../text-width.ts";

/** Widths of the parts of a model's row; 0 where there is no room for one. */
export interface ModelColumns {
  readonly title: number;
  readonly bar: number;
  readonly sizes: number;
  readonly speed: number;
  readonly eta: number;
}

const percentWidth = 5;
const sizesWidth = "1.20 GB of 4.31 GB".length;
const speedWidth = "38.2 MB/s".length;
const etaWidth = "  1 min 20 s left".length;
const longestBar = 60;

/** What fits into so many columns: title, percent and speed always; then sizes, time left, and the bar with the rest. */
export function modelColumns(columns: number, titles: readonly string[]): ModelColumns {
  const longest = Math.max(12, ...titles.map((title) => textWidth(title)));
  const always = percentWidth + 1 + speedWidth;
  const roomForTitle = columns - always;
  if (columns < 56) {
    return {
      title: Math.max(6, Math.min(longest, roomForTitle)),
      bar: 0,
      sizes: 0,
      speed: speedWidth,
      eta: 0,
    };
  }
  const eta = etaWidth;
  const sizes = columns >= 90 ? sizesWidth + 1 : 0;
  const title = Math.min(longest, Math.floor(columns / 3));
  const rest = columns - always - eta - sizes - title - 1;
  return {
    title,
    bar: Math.max(6, Math.min(longestBar, rest)),
    sizes: sizes === 0 ? 0 : sizesWidth,
    speed: speedWidth,
    eta,
  };
}
