/** Those of the known names that a mistyped one may mean: it is a part of theirs, or a letter or two away. The closest first. */
export function closeNames(typed: string, known: readonly string[]): string[] {
  const word = typed.toLowerCase();
  const most = Math.max(1, Math.floor(word.length / 3));
  return known
    .map((name) => ({ name, distance: isPart(word, name) ? 0 : editDistance(word, name) }))
    .filter(({ distance }) => distance <= most)
    .toSorted((one, other) => one.distance - other.distance)
    .map(({ name }) => name);
}

function isPart(word: string, name: string): boolean {
  return word.length > 1 && (name.includes(word) || word.includes(name));
}

/** Letters to add, remove or replace: Levenshtein's distance. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of Array.from(one).entries()) {
    const next = [index + 1];
    for (let column = 1; column <= other.length; column += 1) {
      const [above = 0, before = 0, corner = 0] = [row[column], next[column - 1], row[column - 1]];
      next.push(Math.min(above + 1, before + 1, corner + (letter === other[column - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
