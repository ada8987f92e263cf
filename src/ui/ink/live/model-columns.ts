import { textWidth } from "../../text-width.ts";

/** Widths of the parts of a model's row; 0 where there is no room for one. */
export interface ModelColumns {
  readonly title: number;
  readonly bar: number;
  /** Left out where the sizes say the same and room is short. */
  readonly percent: boolean;
  readonly sizes: number;
  readonly speed: number;
  readonly eta: number;
}

const percentWidth = 5;
const sizesWidth = "872 MB/5.09 GB".length;
const speedWidth = "38.2 MB/s".length;
const etaWidth = "  1 min 20 s left".length;
const shortestBar = 8;
const goodBar = 16;
const longestBar = 60;

/** What fits into so many columns: title and speed always; then time left, sizes or percent or both, and the bar with the rest. */
export function modelColumns(columns: number, titles: readonly string[]): ModelColumns {
  const longest = Math.max(12, ...titles.map((title) => textWidth(title)));
  const speed = speedWidth;
  if (columns < 56) {
    const title = Math.max(6, Math.min(longest, columns - percentWidth - 1 - speedWidth));
    return { title, bar: 0, percent: true, sizes: 0, speed, eta: 0 };
  }
  const title = Math.min(longest, Math.floor(columns / 3));
  const rest = columns - title - 1 - 1 - speedWidth - etaWidth;
  const forSizes = sizesWidth + 1;
  const sizes = rest - forSizes >= shortestBar ? sizesWidth : 0;
  const left = rest - (sizes === 0 ? 0 : forSizes);
  const percent = sizes === 0 || left - percentWidth >= goodBar;
  const bar = Math.min(longestBar, Math.max(shortestBar, left - (percent ? percentWidth : 0)));
  return { title, bar, percent, sizes, speed, eta: etaWidth };
}
