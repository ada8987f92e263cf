/** Lines around a change that are shown with it. */
const context = 3;

type Step = { readonly sign: " " | "-" | "+"; readonly line: string };

/** The lines of a text as they may be shown, one for each of its lines. */
export type ShowLines = (text: string) => readonly string[];

/** A unified diff of two texts, empty where they are the same; of their lines only what `show` gives is in it. */
export function unifiedDiff(
  name: string,
  before: string | null,
  after: string,
  show: ShowLines,
): string {
  if (before === after) return "";
  const steps = compare(linesOf(before ?? ""), linesOf(after));
  const [oldShown, newShown] = [show(before ?? ""), show(after)];
  const shown = steps.map(
    (step, index) =>
      step.sign !== " " ||
      steps
        .slice(Math.max(0, index - context), index + context + 1)
        .some((near) => near.sign !== " "),
  );
  const output = [`--- ${before === null ? "/dev/null" : name}`, `+++ ${name}`];
  let oldLine = 1;
  let newLine = 1;
  for (let index = 0; index < steps.length;) {
    if (shown[index] === false) {
      oldLine += 1;
      newLine += 1;
      index += 1;
      continue;
    }
    const length = shown.indexOf(false, index) === -1 ? steps.length : shown.indexOf(false, index);
    const hunk = steps.slice(index, length);
    const oldCount = hunk.filter((step) => step.sign !== "+").length;
    const newCount = hunk.filter((step) => step.sign !== "-").length;
    output.push(`@@ -${range(oldLine, oldCount)} +${range(newLine, newCount)} @@`);
    for (const { sign } of hunk) {
      output.push(sign + ((sign === "-" ? oldShown[oldLine - 1] : newShown[newLine - 1]) ?? ""));
      if (sign !== "+") oldLine += 1;
      if (sign !== "-") newLine += 1;
    }
    index = length;
  }
  return `${output.join("\n")}\n`.toWellFormed();
}

/** Where a hunk stands: its first line and its length; an empty one stands after the line before. */
function range(line: number, count: number): string {
  return `${count === 0 ? line - 1 : line},${count}`;
}

/** The shortest way from one list to the other, by the longest common subsequence; the files are small. */
function compare(before: readonly string[], after: readonly string[]): Step[] {
  const width = after.length + 1;
  const common = new Uint32Array((before.length + 1) * width);
  const at = (row: number, column: number) => common[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row -= 1) {
    for (let column = after.length - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const steps: Step[] = [];
  let row = 0;
  let column = 0;
  while (row < before.length || column < after.length) {
    const [left, right] = [before[row], after[column]];
    if (left !== undefined && left === right) {
      steps.push({ sign: " ", line: left });
      row += 1;
      column += 1;
    } else if (
      left !== undefined &&
      (right === undefined || at(row + 1, column) >= at(row, column + 1))
    ) {
      steps.push({ sign: "-", line: left });
      row += 1;
    } else {
      steps.push({ sign: "+", line: right ?? "" });
      column += 1;
    }
  }
  return steps;
}

function linesOf(text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
