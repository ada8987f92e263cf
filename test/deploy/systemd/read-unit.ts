/** The words of a line as systemd reads them: quotes, escapes and specifiers, systemd.syntax(7) and systemd.service(5). */
export function wordsOf(line: string): string[] {
  const words = line.match(/"(?:[^"\\]|\\.)*"|[^\s"]+/g) ?? [];
  return words.map((word) => {
    const inside = word.startsWith('"') ? word.slice(1, -1) : word;
    const bytes = inside.replaceAll(
      /\\x([0-9a-f]{2})|\\(.)/g,
      (_all, hex?: string, sign?: string) =>
        hex === undefined ? (sign ?? "") : String.fromCodePoint(Number.parseInt(hex, 16)),
    );
    return bytes.replaceAll("%%", "%");
  });
}

/** What a unit starts, and with which variables. */
export function readUnit(text: string): {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  const valuesOf = (key: string) =>
    text
      .split("\n")
      .flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
  const [start = ""] = valuesOf("ExecStart");
  return {
    // ":" before it keeps systemd from filling in variables.
    command: wordsOf(start.replace(/^:/, "")),
    env: Object.fromEntries(
      valuesOf("Environment").flatMap((line) =>
        wordsOf(line).map((word) => {
          const end = word.indexOf("=");
          return [word.slice(0, end), word.slice(end + 1)];
        }),
      ),
    ),
  };
}
