/** The assignments of a `.env` file, as far as the demo's stack has them: one a line, quoted or bare. */
export function parseEnvLines(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, key, quoted, bare] =
      /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:(["'].*["'])|(.*?))\s*$/.exec(line) ?? [];
    if (key === undefined) continue;
    values[key] =
      quoted === undefined ? (bare ?? "").replace(/\s#.*$/, "").trim() : quoted.slice(1, -1);
  }
  return values;
}

/**
 * Fills variables in as compose does: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+instead}`; `$$` is a dollar.
 * @throws Error with compose's own words for a required variable
 */
export function interpolate(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const pattern =
    /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}]|\{[^{}]*\})*))?\})/g;
  return text.replace(
    pattern,
    (_, dollar?: string, plain?: string, braced?: string, operator?: string, word: string = "") => {
      if (dollar !== undefined) return "$";
      const name = plain ?? braced ?? "";
      const value = env[name];
      const isSet = operator?.startsWith(":") === true ? (value ?? "") !== "" : value !== undefined;
      switch (operator?.at(-1)) {
        case "-":
          return isSet ? (value ?? "") : interpolate(word, env);
        case "+":
          return isSet ? interpolate(word, env) : "";
        case "?":
          if (isSet) return value ?? "";
          throw new Error(`required variable ${name} is missing a value: ${word}`);
        default:
          return value ?? "";
      }
    },
  );
}
