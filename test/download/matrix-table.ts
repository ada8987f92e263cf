import process from "node:process";
import { afterAll } from "vitest";
import { type Amount, amounts, type Moment, moments } from "./matrix.ts";

export interface Cell<Row> {
  readonly row: Row;
  readonly moment: Moment;
  readonly amount: Amount;
  /** "reset, first byte, one file" */
  readonly title: string;
}

/** Each fault at each moment, with one file and with many; the table of all of them is printed when the file's tests are over. */
export function crossOut<Row extends { readonly name: string }>(rows: readonly Row[]) {
  const results = new Map<string, string>();
  const cells: Cell<Row>[] = rows.flatMap((row) =>
    moments.flatMap((moment) =>
      amounts.map((amount) => ({
        row,
        moment,
        amount,
        title: `${row.name}, ${moment}, ${amount}`,
      })),
    ),
  );
  afterAll(() => {
    const lines = cells.map(({ row, moment, amount, title }) =>
      [
        row.name.padEnd(44),
        moment.padEnd(20),
        amount.padEnd(11),
        results.get(title) ?? "FAILED",
      ].join(" "),
    );
    process.stdout.write(`${lines.join("\n")}\n${results.size} of ${cells.length} cells ok\n`);
  });
  return {
    cells,
    /** `how` it ended, in a few words. */
    pass: (cell: Cell<Row>, how: string): void => void results.set(cell.title, `ok  ${how}`),
  };
}
