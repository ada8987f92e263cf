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
const sizesWidth = "872 MB/5.09 GB".length;
const speedWidth = "38.2 MB/s".length;
const etaWidth = "  1 min 20 s left".length;
const shortestBar = 8;
const longestBar = 60;

/** What fits into so many columns: title, percent and speed always; then time left, sizes, and the bar with the rest. */
export function modelColumns(columns: number, titles: readonly string[]): ModelColumns {
  const longest = Math.max(12, ...titles.map((title) => textWidth(title)));
  const always = percentWidth + 1 + speedWidth;
  if (columns < 56) {
    const title = Math.max(6, Math.min(longest, columns - always));
    return { title, bar: 0, sizes: 0, speed: speedWidth, eta: 0 };
  }
  const title = Math.min(longest, Math.floor(columns / 3));
  const rest = columns - always - etaWidth - title - 1;
  const sizes = rest - sizesWidth - 1 >= shortestBar ? sizesWidth : 0;
  const bar = rest - (sizes === 0 ? 0 : sizesWidth + 1);
  return {
    title,
    bar: Math.max(shortestBar, Math.min(longestBar, bar)),
    sizes,
    speed: speedWidth,
    eta: etaWidth,
  };
}
