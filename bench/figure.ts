/** One thing that is measured, and the bound it should keep. */
export interface Figure {
  readonly name: string;
  /** How the two columns read: "37 ms", "1.1". */
  readonly measured: string;
  readonly compared: string;
  /** What the bound is about: measured over compared, or a share of it. */
  readonly ratio: number;
  readonly bound: number;
}

export function holds({ ratio, bound }: Figure): boolean {
  return ratio <= bound;
}

/** Of a benchmark with bounds: `--check` ends it with 1 where one is broken, and `--slack 1.5` makes each half as wide again. */
export const checkOptions = {
  check: { type: "boolean", default: false },
  slack: { type: "string", default: "1" },
} as const;

export interface Check {
  readonly check: boolean;
  readonly slack: string;
}

/** With `--check` measured up to three times: a machine that does something else for a moment is no fault of heros. */
export async function measureWithin(
  { check, slack }: Check,
  measure: () => Promise<readonly Figure[]>,
): Promise<Figure[]> {
  for (let tries = 1; ; tries++) {
    const figures = await measure();
    const within = figures.map((figure) => ({ ...figure, bound: figure.bound * Number(slack) }));
    if (!check || within.every(holds) || tries === 3) return within;
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function milliseconds(value: number): string {
  return `${Math.round(value)} ms`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}

export function table(figures: readonly Figure[]): string {
  return markdownTable([
    ["figure", "measured", "beside", "ratio", "at most", "holds"],
    ...figures.map((figure) => [
      figure.name,
      figure.measured,
      figure.compared,
      figure.ratio.toFixed(2),
      figure.bound.toFixed(2),
      holds(figure) ? "yes" : "NO",
    ]),
  ]);
}

/** Lines of a table in Markdown, titles first, with the widths that a terminal needs. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_title, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [title = [], ...body] = rows;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(title), rule, ...body.map(line)].join("\n");
}
