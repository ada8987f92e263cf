import { Buffer } from "node:buffer";

/**
 * A script as one command that every login shell hands to sh as it is: sh, bash, zsh, fish and csh agree about what is in single quotes
 * as long as no quote, no line end, no exclamation mark, and no two backslashes in a row are.
 * @param script lines of sh that end with `;`, or where a line may end
 */
export function shellCommand(
  script: string,
  values: Readonly<Record<string, string>> = {},
): string {
  const given = Object.entries(values).map(([name, value]) => `${name}=${shellWord(value)};`);
  const line = [...given, ...script.split("\n").map((each) => each.trim())]
    .filter((each) => each !== "")
    .join(" ");
  if (/['!]|\\{2}|\\$/u.test(line)) throw new Error(`no command for every shell: ${line}`);
  return `exec sh -c '${line}'`;
}

/** A word of such a script, whatever is in it: as the numbers of its bytes, unless it is plain. */
export function shellWord(word: string): string {
  if (/^[\w./:@%+,=-]+$/u.test(word)) return word;
  const bytes = [...Buffer.from(word)].map((byte) => `\\0${byte.toString(8).padStart(3, "0")}`);
  return `"$(printf %b "${bytes.join("")}")"`;
}
