/** Part by part: below 0 where the first is lower. Only as many parts count as `other` has; what is left out is 0. */
export function compareNumbers(parts: readonly number[], other: readonly number[]): number {
  for (const [index, wanted] of other.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part - wanted;
  }
  return 0;
}

/**
 * How a version stands to another, as a sort would have it: below 0 where it is older. What is left out counts as 0.
 * @param version `2.29.1`, `v2.29`, `2.26.1-4`
 * @returns null where it does not begin with a number and a dot: `dev`
 */
export function compareVersion(version: string, other: readonly number[]): number | null {
  const parts = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version)?.slice(1);
  if (parts === undefined) return null;
  return compareNumbers(
    parts.map((part) => Number(part ?? 0)),
    other,
  );
}

/** By precedence, as semver.org 2.0.0 §11 has it: below 0 where `one` is older. Build metadata does not count. */
export function compareVersions(one: string, other: string): number {
  const [first, second] = [partsOf(one), partsOf(other)];
  const difference = compareNumbers(first.core, second.core);
  if (difference !== 0) return difference;
  if (first.pre.length === 0 || second.pre.length === 0)
    return second.pre.length - first.pre.length;
  for (const [index, part] of first.pre.entries()) {
    const against = second.pre[index];
    if (against === undefined) return 1;
    const order = comparePart(part, against);
    if (order !== 0) return order;
  }
  return first.pre.length - second.pre.length;
}

function comparePart(one: string, other: string): number {
  const [isNumber, otherIs] = [/^\d+$/u.test(one), /^\d+$/u.test(other)];
  if (isNumber && otherIs) return Number(one) - Number(other);
  if (isNumber !== otherIs) return isNumber ? -1 : 1;
  return one < other ? -1 : one > other ? 1 : 0;
}

function partsOf(version: string): { readonly core: number[]; readonly pre: string[] } {
  const [plain = ""] = version.split("+");
  const dash = plain.indexOf("-");
  const core = (dash === -1 ? plain : plain.slice(0, dash)).split(".").map(Number);
  return { core, pre: dash === -1 ? [] : plain.slice(dash + 1).split(".") };
}
