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
  readonly failure: (where: InvalidYaml, cause?: unknown) => Failure;
}

export interface CheckedYaml<Value> {
  readonly value: Value;
  /** @throws Failure for keys that have the right shape, and are wrong; nothing where there are none */
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
  const { text, source, shape } = file;
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
  const parsed = shape.safeParse(
    valueOf(document, (problem, cause) => failure([{ offset: 0, problem }], cause)),
  );
  if (!parsed.success) throw ofKeys(parsed.error.issues.flatMap(wrongKeys), parsed.error);
  return {
    value: parsed.data,
    require(wrong) {
      if (wrong.length > 0) throw ofKeys(wrong);
    },
  };
}

function wrongKeys(issue: z.core.$ZodIssue): WrongKey[] {
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], problem: "unknown key" }));
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
