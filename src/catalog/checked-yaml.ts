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
  /** The error for a key that has the right shape, and is wrong. */
  wrong(path: readonly Key[], problem: string): Failure;
}

/**
 * Reads a YAML file of a known shape.
 * @throws Failure of the file (exit 2) that names file, line and key
 */
export function readCheckedYaml<Shape extends z.ZodType>(
  file: YamlFile<Shape>,
): CheckedYaml<z.output<Shape>> {
  const { text, source, shape } = file;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const failure = (offset: number, problem: string, cause?: unknown) =>
    file.failure({ file: source, line: lines.linePos(offset).line, problem }, cause);

  const syntax = document.errors[0];
  if (syntax !== undefined) {
    throw failure(
      syntax.pos[0],
      (syntax.message.split(" at line ")[0] ?? "it is not YAML").trim(),
      syntax,
    );
  }
  const parsed = shape.safeParse(valueOf(document, (problem, cause) => failure(0, problem, cause)));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
    const path = (issue?.path ?? []).map((key) => (typeof key === "symbol" ? String(key) : key));
    const full = unknown === undefined ? path : [...path, unknown];
    const problem = unknown === undefined ? (issue?.message ?? "invalid value") : "unknown key";
    throw failure(offsetOf(document, full), `${keyName(full)}: ${problem}`, parsed.error);
  }
  return {
    value: parsed.data,
    wrong: (path, problem) => failure(offsetOf(document, path), `${keyName(path)}: ${problem}`),
  };
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
