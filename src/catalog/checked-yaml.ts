import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import type { Failure } from "../run/failure.ts";
import type { InvalidYaml } from "../run/failures/cli.ts";

type Key = string | number;

export interface YamlFile<Shape extends z.ZodType> {
  readonly text: string;
  /** The file's name, for errors. */
  readonly source: string;
  readonly shape: Shape;
  /** What is wrong although it has the right shape. */
  readonly meaning?: (value: z.output<Shape>) => readonly WrongKey[];
  readonly failure: (where: InvalidYaml, cause?: unknown) => Failure;
}

export interface CheckedYaml<Value> {
  readonly value: Value;
  /** @throws Failure for keys of which only other files tell that they are wrong; nothing where there are none */
  require(wrong: readonly WrongKey[]): void;
}

export interface WrongKey {
  readonly path: readonly Key[];
  readonly problem: string;
}

/**
 * Reads a YAML file of a known shape.
 * @throws Failure of the file (exit 2) that names the file, and line and key of all that is wrong
 */
export function readCheckedYaml<Shape extends z.ZodType>(
  file: YamlFile<Shape>,
): CheckedYaml<z.output<Shape>> {
  const { text, source, shape, meaning = () => [] } = file;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const failure = (
    found: readonly { readonly offset: number; readonly problem: string }[],
    cause?: unknown,
  ) => {
    const problems = found
      .map(({ offset, problem }) => ({ line: lines.linePos(offset).line, problem }))
      .toSorted((one, other) => one.line - other.line);
    return file.failure({ file: source, problems }, cause);
  };
  const ofKeys = (wrong: readonly WrongKey[], cause?: unknown) =>
    failure(
      wrong.map(({ path, problem }) => ({
        offset: offsetOf(document, path),
        problem: `${keyName(path)}: ${problem}`,
      })),
      cause,
    );

  const { errors } = document;
  if (errors.length > 0) {
    const found = errors.map(({ pos, message }) => ({
      offset: pos[0],
      problem: (message.split(" at line ")[0] ?? "it is not YAML").trim(),
    }));
    throw failure(found, errors[0]);
  }
  const written = valueOf(document, (problem, cause) => failure([{ offset: 0, problem }], cause));
  const parsed = shape.safeParse(written);
  if (!parsed.success) {
    const wrong = parsed.error.issues.flatMap(wrongKeys);
    // What else is wrong is told in the same breath, as far as the rest of the file says.
    const rest = shape.safeParse(without(written, wrong));
    const others = rest.success ? meaning(rest.data).filter(isApartFrom(wrong)) : [];
    throw ofKeys([...wrong, ...others], parsed.error);
  }
  const { data: value } = parsed;
  const require = (wrong: readonly WrongKey[]): void => {
    if (wrong.length > 0) throw ofKeys(wrong);
  };
  require(meaning(value));
  return { value, require };
}

/** The value without these keys; of what stands in a list, without the list, so that all else keeps its place. */
function without(value: unknown, wrong: readonly WrongKey[]): unknown {
  const copy = structuredClone(value);
  for (const { path } of wrong) {
    const last = path.findLastIndex((key) => typeof key === "string");
    let holder: unknown = copy;
    for (const key of path.slice(0, last)) holder = isRecord(holder) ? holder[key] : undefined;
    const name = path[last];
    if (isRecord(holder) && name !== undefined) Reflect.deleteProperty(holder, name);
  }
  return copy;
}

/** Of another part of the file: of a model that lost a key, nothing is judged by what is left. */
function isApartFrom(wrong: readonly WrongKey[]): (other: WrongKey) => boolean {
  const partOf = ({ path }: WrongKey): string => JSON.stringify(path.slice(0, 2));
  const parts = new Set(wrong.filter(({ problem }) => problem !== unknownKey).map(partOf));
  return (other) => !parts.has(partOf(other));
}

function isRecord(value: unknown): value is Record<Key, unknown> {
  return typeof value === "object" && value !== null;
}

const unknownKey = "unknown key";

function wrongKeys(issue: z.core.$ZodIssue): WrongKey[] {
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], problem: unknownKey }));
  }
  const isMissing = issue.code === "invalid_type" && issue.message.endsWith("received undefined");
  return [{ path, problem: isMissing ? "is missing" : issue.message }];
}

/** An alias may have no anchor, or stand for thousands of others; the library says either in its own way. */
function valueOf(
  document: Document.Parsed,
  failure: (problem: string, cause: unknown) => Failure,
): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    const many = cause instanceof Error && cause.message.startsWith("Excessive");
    throw failure(many ? "its aliases do not end" : "an alias has no anchor", cause);
  }
}

function keyName(path: readonly Key[]): string {
  return path.length === 0 ? "the file" : path.join(".");
}

/** Where the key stands in the text, or the closest of its parents that does. */
function offsetOf(document: Document.Parsed, path: readonly Key[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (pair === undefined) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === "number") {
      node = node.items[key];
      if (isMap(node) || isScalar(node) || isSeq(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}
