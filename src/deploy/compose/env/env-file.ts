import { join } from "node:path";
import type { Failure } from "../../../run/failure.ts";
import { failure } from "../../../run/failures/table.ts";
import { substitute, SubstitutionError } from "./substitute.ts";
import { composeEnvironment } from "../../../docker/compose.ts";
import type { Host } from "../../../host/host.ts";
import { readIfThere } from "../../../host/text-files.ts";
import { redactLine } from "../diff.ts";

/** One assignment in a `.env` file, with where it stands. */
export interface EnvEntry {
  readonly key: string;
  /** As compose reads it: variables filled in, quotes and escapes undone. */
  readonly value: string;
  readonly quote: "" | '"' | "'";
  /** Offset of the statement, its `export` included. */
  readonly from: number;
  /** Offsets of the value in the text, quotes not included. */
  readonly start: number;
  readonly end: number;
}

export interface EnvText {
  readonly text: string;
  /** The file's path, for errors. */
  readonly path: string;
  /** What is set outside the file, and wins over it. */
  readonly lookup: (name: string) => string | undefined;
}

// Go's sets, not those of JavaScript: what may stand around a value, and what is white space at all.
const blanks = /[\t\v\f\r \u0085\u00A0]*/y;
const spaces = /\p{White_Space}*/uy;
const nameSigns = /[^=:\n]*/y;
const properName = /^[\p{L}\p{N}_.[\]\-\t\v\f\r \u0085\u00A0]*$/u;
const exported = /export[\t\n\f\r ]/y;
const escapes = /\\(?:[abcfnrtv$"\\]|0\d{0,3})/g;
const letters: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  $: "$$",
  '"': '"',
  "\\": "\\",
};

/**
 * The assignments of a `.env` file as compose reads it: https://github.com/compose-spec/compose-go, dotenv/parser.go.
 * A name alone, which takes its value from outside, is no assignment.
 * @throws Failure `stack.env_invalid` (exit 2) for what compose refuses; it names the line, and shows none of it
 */
export function readEnvFile({ text, path, lookup }: EnvText): readonly EnvEntry[] {
  const entries: EnvEntry[] = [];
  const values = new Map<string, string>();
  const wrong = (offset: number, problem: string) => {
    const line = text.slice(0, offset).split("\n").length;
    return invalidEnv(path, `line ${line}: ${problem}`);
  };
  if (isUtf16(text)) throw invalidEnv(path, "it is in UTF-16, which Docker Compose can't read");

  let offset = text.startsWith("\uFEFF") ? 1 : 0;
  for (;;) {
    offset = statementStart(text, offset);
    if (offset >= text.length) return entries;
    const name = readName(text, offset, wrong);
    if (name.alone) {
      offset = name.end;
      continue;
    }
    const valueStart = behind(blanks, text, name.end);
    const { next, ...written } = readWritten(text, valueStart, (problem) => wrong(offset, problem));
    let value = written.raw;
    if (written.quote !== "'") {
      try {
        value = substitute(written.quote === '"' ? value.replace(escapes, unescape) : value, {
          lookup: (variable) => lookup(variable) ?? values.get(variable),
        });
      } catch (error) {
        throw error instanceof SubstitutionError ? wrong(offset, error.message) : error;
      }
    }
    values.set(name.key, value);
    // An empty value stands right behind its sign: further on there may be a line's \r.
    const empty = written.quote === "" && written.start === written.end;
    const span = empty ? { start: name.end, end: name.end } : written;
    entries.push({
      key: name.key,
      value,
      quote: written.quote,
      from: offset,
      start: span.start,
      end: span.end,
    });
    offset = next;
  }
}

/** The value that counts: the last one. Undefined where the key is not set. */
export function envValue(entries: readonly EnvEntry[], key: string): string | undefined {
  return entries.findLast((entry) => entry.key === key)?.value;
}

export function invalidEnv(path: string, problem: string): Failure {
  return failure("stack.env_invalid", { file: path, problem });
}

/** By its first two bytes; they are no UTF-8, and so are read as these signs. */
function isUtf16(text: string): boolean {
  return text.startsWith("\uDCFF\uDCFE") || text.startsWith("\uDCFE\uDCFF");
}

/** Offset of the next thing that is neither white space nor a comment. */
function statementStart(text: string, from: number): number {
  let offset = from;
  for (;;) {
    offset = behind(spaces, text, offset);
    if (text[offset] !== "#") return offset;
    offset = lineEnd(text, offset);
  }
}

interface Name {
  readonly key: string;
  /** Offset behind the name and its sign. */
  readonly end: number;
  /** No sign follows: the value is one from outside. */
  readonly alone: boolean;
}

function readName(
  text: string,
  from: number,
  wrong: (offset: number, problem: string) => Failure,
): Name {
  exported.lastIndex = from;
  const start = exported.test(text) ? behind(blanks, text, from + "export".length) : from;
  if (start >= text.length) throw wrong(from, "a variable has no name");
  const end = behind(nameSigns, text, start);
  const name = text.slice(start, end);
  if (!properName.test(name)) {
    throw wrong(from, "a variable name contains an invalid character");
  }
  // At the very end of the file compose takes a name alone for a value without a name.
  if (end >= text.length) return { key: "", end: start, alone: false };
  const key = name.replace(/\p{White_Space}+$/u, "");
  if (key.includes(" ")) throw wrong(from, "a variable name contains a space");
  return { key, end: end + 1, alone: text[end] === "\n" };
}

interface Written {
  /** Between the quotes, with the quote's own escape undone. */
  readonly raw: string;
  readonly quote: EnvEntry["quote"];
  readonly start: number;
  readonly end: number;
  /** Where the next statement may begin. */
  readonly next: number;
}

function readWritten(text: string, from: number, wrong: (problem: string) => Failure): Written {
  const quote = text[from];
  if (quote !== '"' && quote !== "'") {
    const line = text.slice(from, lineEnd(text, from));
    const [value = ""] = line.split(" #", 1);
    const raw = value.replace(/\p{White_Space}+$/u, "");
    return { raw, quote: "", start: from, end: from + raw.length, next: from + line.length };
  }
  let raw = "";
  for (let offset = from + 1; offset < text.length; offset += 1) {
    const sign = text.charAt(offset);
    if (sign === quote) {
      return { raw, quote, start: from + 1, end: offset, next: offset + 1 };
    }
    if (sign === "\\" && offset + 1 < text.length) {
      offset += 1;
      raw += text[offset] === quote ? quote : `\\${text.charAt(offset)}`;
    } else raw += sign;
  }
  throw wrong("a quote is not closed");
}

/** One escape in double quotes; `\c`, and an octal number that is none, stay as compose leaves them. */
function unescape(match: string): string {
  if (match[1] !== "0") return letters[match.charAt(1)] ?? match;
  const digits = match.slice(2);
  const code = /^[0-7]{3}$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  return code <= 255 ? String.fromCodePoint(code) : `\\${digits}`;
}

/** Offset behind what a sticky pattern takes, if only nothing. */
function behind(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return from + (pattern.exec(text)?.[0].length ?? 0);
}

/** Offset of the newline that ends the line, or of the end of the text. */
function lineEnd(text: string, offset: number): number {
  const found = text.indexOf("\n", offset);
  return found === -1 ? text.length : found;
}

/** What is to become of one key: a new value, or more at the end of the one that it has. */
export type EnvEdit = { readonly key: string } & (
  | { readonly value: string }
  | { readonly append: string }
);

/**
 * The text with these edits; everything else stays as it is, byte for byte. A value keeps its quotes, and what it is
 * made of where something is appended.
 * @throws Failure `stack.env_invalid` (exit 2) where the file is wrong, or a value can't be written into it
 */
export function editEnv(env: EnvText, edits: readonly EnvEdit[]): string {
  let { text } = env;
  let entries = readEnvFile(env);
  for (const edit of edits) {
    const { key } = edit;
    const entry = entries.findLast((one) => one.key === key);
    const wanted = "append" in edit ? (entry?.value ?? "") + edit.append : edit.value;
    if (entry?.value === wanted) continue;
    text = editOne(text, edit, entry);
    entries = readEnvFile({ ...env, text });
    if (envValue(entries, key) === wanted) continue;
    throw invalidEnv(env.path, `${key} can't be changed where it is set`);
  }
  return text;
}

function editOne(text: string, edit: EnvEdit, entry: EnvEntry | undefined): string {
  const written = "append" in edit ? edit.append : edit.value;
  if (entry !== undefined) {
    const from = "append" in edit ? entry.end : entry.start;
    return text.slice(0, from) + written + text.slice(entry.end);
  }
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const gap = text === "" || text === "\uFEFF" || text.endsWith("\n") ? "" : newline;
  return `${text}${gap}${edit.key}=${quoted(written)}${newline}`;
}

/** Single quotes where a bare value would be cut short or its variables filled in. */
function quoted(value: string): string {
  return /[\s#$"'\\`]/.test(value) ? `'${value}'` : value;
}

/** The `.env` of a folder as compose reads it there. */
export interface StackEnv extends EnvText {
  readonly entries: readonly EnvEntry[];
  /** The file, or null where there is none. */
  readonly found: string | null;
}

/**
 * @param outer what wins over the file; the shell's variables unless given
 * @throws Failure `stack.env_invalid` (exit 2); the system's own errors
 */
export async function readStackEnv(
  host: Host,
  folder: string,
  outer?: EnvText["lookup"],
): Promise<StackEnv> {
  const environment = composeEnvironment(host);
  const lookup = outer ?? ((name: string) => environment[name]);
  const file = join(folder, ".env");
  const found = await readIfThere(host, file);
  const env = { text: found ?? "", path: file, lookup };
  return { ...env, found, entries: readEnvFile(env) };
}

/** What compose knows once it has read the file. */
export function lookupIn({ lookup, entries }: StackEnv): EnvText["lookup"] {
  return (name) => lookup(name) ?? envValue(entries, name);
}

/** Keys that heros writes. */
export interface OwnKeys {
  /** Their values say nothing that a stranger may not read. */
  readonly shown: readonly string[];
  readonly secret: readonly string[];
}

/**
 * The lines of a `.env` as they may be shown, one for each line: our own keys with their values, those of anybody else
 * without, and nothing of what is neither. A value may be a secret whatever its key is called.
 */
export function shownEnv(env: EnvText, own: OwnKeys): readonly string[] {
  const entries = [...readEnvFile(env)].toReversed();
  let offset = 0;
  return env.text.split("\n").map((line) => {
    const end = offset + line.length;
    offset = end + 1;
    const here: EnvEntry[] = [];
    while ((entries.at(-1)?.from ?? Number.POSITIVE_INFINITY) <= end)
      here.push(...entries.splice(-1));
    const [entry] = here;
    if (entry === undefined) return line.trim() === "" ? "" : "[hidden]";
    return here.length === 1 && entry.end <= end ? shownEntry(env.text, entry, own) : nameOf(entry);
  });
}

function shownEntry(text: string, entry: EnvEntry, own: OwnKeys): string {
  const { key, quote, start, end } = entry;
  if (own.secret.includes(key)) return `${key}=[secret]`;
  if (!own.shown.includes(key)) return nameOf(entry);
  return redactLine(`${key}=${quote}${text.slice(start, end)}${quote}`);
}

/** A line of a key or a certificate may look like a name too; real ones are written in capitals. */
function nameOf({ key }: EnvEntry): string {
  return /^[A-Z][A-Z0-9_]*$/.test(key) ? `${key}=[hidden]` : "[hidden]";
}
