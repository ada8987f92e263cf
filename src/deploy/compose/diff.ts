import { structuredPatch } from "diff";

/** Lines around a change that are shown with it. */
const context = 3;
/** So many lines may go and come before a text counts as another one. */
const maxEditLength = 2000;

/** The lines of a text as they may be shown, one for each of its lines. */
export type ShowLines = (text: string) => readonly string[];

/** A unified diff of two texts, empty where they are the same; of their lines only what `show` gives is in it. */
export function unifiedDiff(
  name: string,
  before: string | null,
  after: string,
  show: ShowLines,
): string {
  if (before === after) return "";
  const [oldShown, newShown] = [show(before ?? ""), show(after)];
  const output = [`--- ${before === null ? "/dev/null" : name}`, `+++ ${name}`];
  for (const { oldStart, oldLines, newStart, newLines, signs } of hunksOf(before ?? "", after)) {
    output.push(`@@ -${range(oldStart, oldLines)} +${range(newStart, newLines)} @@`);
    let [oldLine, newLine] = [oldStart, newStart];
    for (const sign of signs) {
      output.push(sign + ((sign === "-" ? oldShown[oldLine - 1] : newShown[newLine - 1]) ?? ""));
      if (sign !== "+") oldLine += 1;
      if (sign !== "-") newLine += 1;
    }
  }
  return `${output.join("\n")}\n`.toWellFormed();
}

interface Hunk {
  readonly oldStart: number;
  readonly oldLines: number;
  readonly newStart: number;
  readonly newLines: number;
  /** Of each line: "-", "+" or " ". */
  readonly signs: readonly string[];
}

function hunksOf(before: string, after: string): Hunk[] {
  const [old, now] = [before, after].map(withLastNewline) as [string, string];
  const patch = structuredPatch("", "", old, now, "", "", { context, maxEditLength });
  if (patch !== undefined) {
    return patch.hunks.map(({ lines, ...hunk }) => ({
      ...hunk,
      signs: lines.map((line) => line.charAt(0)),
    }));
  }
  const [oldLines, newLines] = [old, now].map((text) => text.split("\n").length - 1) as [
    number,
    number,
  ];
  const signs = [...Array<string>(oldLines).fill("-"), ...Array<string>(newLines).fill("+")];
  return [{ oldStart: 1, oldLines, newStart: 1, newLines, signs }];
}

/** Whether the last line ends with one is nothing that a person asks about. */
function withLastNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** Where a hunk stands: its first line and its length; an empty one stands after the line before. */
function range(line: number, count: number): string {
  return `${count === 0 ? line - 1 : line},${count}`;
}

const secretKey = /(?:pass|secret|token|auth|credential|key|pwd|dsn)/i;

/** A line of a `.env` or compose file as it may be shown: values whose name says secret, and credentials in addresses, are left out. */
export function redactLine(line: string): string {
  const match = /^(\s*(?:export\s+|-\s*)?["']?([A-Za-z_][\w.-]*)["']?\s*[=:]\s*)(\S.*)$/.exec(line);
  const [, start = "", key = "", value = ""] = match ?? [];
  if (secretKey.test(key) && !harmless(value)) {
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
