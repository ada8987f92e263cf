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
