import { exitCodes, Failure } from "../progress/failure.ts";

/** One assignment in a `.env` file, with where its value stands. */
export interface EnvEntry {
  readonly key: string;
  /** Without its quotes; variables are left as they are written. */
  readonly value: string;
  readonly quote: "" | '"' | "'";
  /** Offsets of the value in the text, quotes not included. */
  readonly start: number;
  readonly end: number;
}

const assignment = /[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*[=:][ \t]*/y;

/**
 * The assignments of a `.env` file as compose reads it: `KEY=value`, `export KEY=value`, `KEY: value`,
 * comments, and quoted values over several lines.
 * @throws Failure `stack.env_invalid` (exit 2) where a quote is never closed
 */
export function readEnvFile(text: string, path: string): readonly EnvEntry[] {
  const entries: EnvEntry[] = [];
  let offset = text.startsWith("\uFEFF") ? 1 : 0;
  while (offset < text.length) {
    assignment.lastIndex = offset;
    const match = assignment.exec(text);
    if (match?.[1] === undefined) {
      offset = lineEnd(text, offset) + 1;
      continue;
    }
    const entry = readValue(text, assignment.lastIndex, match[1], path);
    entries.push(entry);
    offset = lineEnd(text, entry.end) + 1;
  }
  return entries;
}

/** The value that counts: the last one. Undefined where the key is not set. */
export function envValue(entries: readonly EnvEntry[], key: string): string | undefined {
  return entries.findLast((entry) => entry.key === key)?.value;
}

/** The text with these keys set; everything else stays as it is, byte for byte. A value that is replaced keeps its quotes. */
export function setEnvValues(
  text: string,
  path: string,
  values: Readonly<Record<string, string>>,
): string {
  let result = text;
  for (const [key, value] of Object.entries(values)) result = setOne(result, path, key, value);
  return result;
}

function setOne(text: string, path: string, key: string, value: string): string {
  const entry = readEnvFile(text, path).findLast((candidate) => candidate.key === key);
  if (entry !== undefined) {
    if (entry.value === value) return text;
    return text.slice(0, entry.start) + value + text.slice(entry.end);
  }
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const gap = text === "" || text === "\uFEFF" || text.endsWith("\n") ? "" : newline;
  return `${text}${gap}${key}=${quoted(value)}${newline}`;
}

function readValue(text: string, start: number, key: string, path: string): EnvEntry {
  const first = text[start];
  if (first === '"' || first === "'") {
    let end = start + 1;
    while (end < text.length && text[end] !== first) {
      end += first === '"' && text[end] === "\\" ? 2 : 1;
    }
    if (end >= text.length) {
      throw new Failure({
        code: "stack.env_invalid",
        message: `${path} is wrong: the quote after ${key} is never closed.`,
        hint: "Close the quote, then run heros setup again.",
        exitCode: exitCodes.usage,
      });
    }
    return { key, value: text.slice(start + 1, end), quote: first, start: start + 1, end };
  }
  const line = text.slice(start, lineEnd(text, start));
  const value = line.replace(/(?:^|[ \t])#.*$/, "").trimEnd();
  return { key, value, quote: "", start, end: start + value.length };
}

/** Offset of the newline that ends the line, or of the end of the text. */
function lineEnd(text: string, offset: number): number {
  const found = text.indexOf("\n", offset);
  return found === -1 ? text.length : found;
}

/** Single quotes where a bare value would be cut short or its variables filled in. */
function quoted(value: string): string {
  return /[\s#$"'\\`]/.test(value) ? `'${value}'` : value;
}
