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
  const shown = steps.map(() => false);
  for (const [index, { sign }] of steps.entries()) {
    if (sign !== " ") shown.fill(true, Math.max(0, index - context), index + context + 1);
  }
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

/** So many lines may go and come before a text counts as another one. */
const maxSteps = 2000;

/** The shortest way from one list to the other: E. Myers, "An O(ND) Difference Algorithm", 1986. */
function compare(before: readonly string[], after: readonly string[]): Step[] {
  // On each diagonal, which is `row - column`, the row that so many steps reach; kept for the way back.
  const reached: ReadonlyMap<number, number>[] = [];
  let last: ReadonlyMap<number, number> = new Map([[1, 0]]);
  for (let count = 0; count <= maxSteps; count += 1) {
    const next = new Map<number, number>();
    for (let diagonal = -count; diagonal <= count; diagonal += 2) {
      let row = arrival(last, diagonal).row;
      while (row < before.length && before[row] === after[row - diagonal]) row += 1;
      next.set(diagonal, row);
      if (row >= before.length && row - diagonal >= after.length) {
        return wayBack({ before, after, reached });
      }
    }
    reached.push(next);
    last = next;
  }
  return [...before.map(removed), ...after.map(added)];
}

/** Where a diagonal is entered by one more step: downwards from the one above, or to the right from the one below. */
function arrival(
  last: ReadonlyMap<number, number>,
  diagonal: number,
): { readonly row: number; readonly sign: "-" | "+" } {
  const [below = -1, above = -1] = [last.get(diagonal + 1), last.get(diagonal - 1)];
  return below > above ? { row: below, sign: "+" } : { row: above + 1, sign: "-" };
}

function wayBack(way: {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly reached: readonly ReadonlyMap<number, number>[];
}): Step[] {
  const { before, after, reached } = way;
  const steps: Step[] = [];
  let [row, column] = [before.length, after.length];
  for (const last of reached.toReversed()) {
    const diagonal = row - column;
    const { row: start, sign } = arrival(last, diagonal);
    while (row > start) {
      row -= 1;
      column -= 1;
      steps.push({ sign: " ", line: before[row] ?? "" });
    }
    if (sign === "-") steps.push(removed(before[(row -= 1)] ?? ""));
    else steps.push(added(after[(column -= 1)] ?? ""));
  }
  while (row > 0) steps.push({ sign: " ", line: before[(row -= 1)] ?? "" });
  return steps.toReversed();
}

const removed = (line: string): Step => ({ sign: "-", line });
const added = (line: string): Step => ({ sign: "+", line });

function linesOf(text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

const secretKey = /(?:pass|secret|token|auth|credential|key|pwd|dsn)/i;

/** A line of a `.env` or compose file as it may be shown: values whose name says secret, and credentials in addresses, are left out. */
export function redactLine(line: string): string {
  const match = /^(\s*(?:export\s+|-\s*)?["']?([A-Za-z_][\w.-]*)["']?\s*[=:]\s*)(\S.*)$/.exec(line);
  const [, start, key, value = ""] = match ?? [];
  if (start !== undefined && key !== undefined && secretKey.test(key) && !harmless(value)) {
    return `${start}[secret]`;
  }
  return line
    .replaceAll(/\bhf_[A-Za-z0-9]{8,}/g, "[secret]")
    .replaceAll(/(\/\/[^\s/:@]*:)[^\s/@]+@/g, "$1[secret]@");
}

export function redactLines(text: string): readonly string[] {
  return text.split("\n").map(redactLine);
}

/** The lines of a file that a person edited: those that are ours too as they are, of others the key at most. */
export function keysAlone(ours: string): (text: string) => readonly string[] {
  const known = new Set(ours.split("\n"));
  return (text) =>
    text.split("\n").map((line) => {
      if (known.has(line) || line.trim() === "") return redactLine(line);
      const [key] = /^\s*(?:- )?[A-Za-z_][\w.-]*:(?=\s|$)/.exec(line) ?? [];
      return key === undefined ? "[hidden]" : `${key} [hidden]`;
    });
}

/** Names of variables and paths are worth reading, and give nothing away. */
function harmless(value: string): boolean {
  return /^["']?(?:\$\{[A-Za-z_]\w*(?::\?[^}]*)?\}|\/[\w./-]*)["']?$/.test(value);
}
