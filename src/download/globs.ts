/**
 * Whether a path is meant by a pattern, as huggingface_hub's `allow_patterns` means it (Python's fnmatch): `*` is any
 * text, folders included, `?` one character, `[…]` one of several, and a pattern that ends in "/" is all of a folder.
 */
export function matchesGlob(path: string, pattern: string): boolean {
  return toRegExp(pattern.endsWith("/") ? `${pattern}*` : pattern).test(path);
}

/** A pattern that can only mean the one file of that name. */
export function isPlainName(pattern: string): boolean {
  return !/[*?[]/u.test(pattern) && !pattern.endsWith("/");
}

const known = new Map<string, RegExp>();

function toRegExp(pattern: string): RegExp {
  const found = known.get(pattern);
  if (found !== undefined) return found;
  const source = pattern.replaceAll(
    /\*+|\?|\[(?<not>!?)(?<set>\]?[^\]]*)\]|[\\^$.|+(){}[\]]/gu,
    (token: string, not?: string, set?: string) => {
      if (token.startsWith("*")) return ".*";
      if (token === "?") return ".";
      if (set === undefined) return `\\${token}`;
      return `[${not === "!" ? "^" : ""}${set.replaceAll(/[\\\]^[]/gu, String.raw`\$&`)}]`;
    },
  );
  const made = new RegExp(`^${source}$`, "su");
  known.set(pattern, made);
  return made;
}
