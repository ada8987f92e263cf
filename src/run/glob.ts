/**
 * Whether a path is meant by a pattern, as huggingface_hub's `allow_patterns` means it (Python's fnmatch): `*` is any
 * text, folders included, `?` one character, `[…]` one of several, and a pattern that ends in "/" is all of a folder.
 * Takes at most the product of both lengths, whatever the pattern.
 */
export function matchesGlob(path: string, pattern: string): boolean {
  const tokens = tokensOf(pattern.endsWith("/") ? `${pattern}*` : pattern);
  const signs = Array.from(path);
  let at = 0;
  let next = 0;
  /** Of the last `*`: the token behind it, and how far it reaches by now. */
  let star = -1;
  let reached = 0;
  while (at < signs.length) {
    const token = tokens[next];
    if (token === "any") {
      star = next += 1;
      reached = at;
    } else if (token !== undefined && token(signs[at] ?? "")) {
      next += 1;
      at += 1;
    } else if (star !== -1) {
      next = star;
      at = reached += 1;
    } else return false;
  }
  return tokens.slice(next).every((token) => token === "any");
}

/** A pattern that can only mean the one file of that name. */
export function isPlainName(pattern: string): boolean {
  return !/[*?[]/u.test(pattern) && !pattern.endsWith("/");
}

/** Any text, or what one character must be. */
type Token = "any" | ((sign: string) => boolean);

const known = new Map<string, readonly Token[]>();

function tokensOf(pattern: string): readonly Token[] {
  const found = known.get(pattern);
  if (found !== undefined) return found;
  const pieces = pattern.matchAll(
    /(?<any>\*)+|\[(?<not>!|(?!!))(?<set>\][^\]]*|[^\]]+)\]|(?<sign>.)/gsu,
  );
  const made = [...pieces].map(({ groups = {} }): Token => {
    const { any, set, not, sign } = groups;
    if (any !== undefined) return "any";
    if (set !== undefined) {
      const ranges = rangesOf(Array.from(set));
      const isIn = (other: string) => ranges.some(([from, to]) => from <= other && other <= to);
      return (other) => isIn(other) !== (not === "!");
    }
    return sign === "?" ? () => true : (other) => other === sign;
  });
  known.set(pattern, made);
  return made;
}

/** A range that runs backwards holds nothing. */
function rangesOf(signs: readonly string[]): (readonly [string, string])[] {
  const ranges: (readonly [string, string])[] = [];
  for (let at = 0; at < signs.length; at += 1) {
    const [from = "", dash, to] = signs.slice(at, at + 3);
    const isRange = dash === "-" && to !== undefined;
    ranges.push([from, isRange ? to : from]);
    if (isRange) at += 2;
  }
  return ranges;
}
