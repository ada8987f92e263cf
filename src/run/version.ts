/**
 * How a version stands to another, as a sort would have it: below 0 where it is older. What is left out counts as 0.
 * @param version `2.29.1`, `v2.29`, `2.26.1-4`
 * @returns null where it does not begin with a number and a dot: `dev`
 */
export function compareVersion(version: string, other: readonly number[]): number | null {
  const parts = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version)?.slice(1);
  if (parts === undefined) return null;
  for (const [index, wanted] of other.entries()) {
    const part = Number(parts[index] ?? 0);
    if (part !== wanted) return part - wanted;
  }
  return 0;
}
