/** A word as a shell reads it back: bare where no sign in it means more to a shell, else in single quotes. */
export function quoted(word: string): string {
  return /^[\w./:@%+,=-]+$/.test(word) ? word : inQuotes(word);
}

/** A word in single quotes, whatever is in it. */
export function inQuotes(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** A command that has to run in this folder. */
export function inFolder(folder: string, command: string): string {
  return `cd ${quoted(folder)} && ${command}`;
}
