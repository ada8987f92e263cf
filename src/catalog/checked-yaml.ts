import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { exitCodes } from "../run/exit-codes.ts";
import { Failure } from "../run/failure.ts";

type Key = string | number;

export interface YamlFile<Shape extends z.ZodType> {
  readonly text: string;
  /** The file's name, for errors. */
  readonly source: string;
  readonly shape: Shape;
  /** What the file is, as a sentence begins: "The catalog". */
  readonly noun: string;
  readonly code: string;
  readonly hint: string;
}

export interface CheckedYaml<Value> {
  readonly value: Value;
  /** The error for a key that the shape let pass and that is wrong all the same. */
  wrong(path: readonly Key[], problem: string): Failure;
}

/**
 * Reads a YAML file of a known shape.
 * @throws Failure with the given code (exit 2) that names file, line and key
 */
export function readCheckedYaml<Shape extends z.ZodType>(
  file: YamlFile<Shape>,
): CheckedYaml<z.output<Shape>> {
  const { text, source, shape, noun, code, hint } = file;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const failure = (offset: number, problem: string, cause?: unknown) =>
    new Failure({
      code,
      message: `${noun} ${source}, line ${lines.linePos(offset).line}, is wrong: ${problem}.`,
      hint,
      exitCode: exitCodes.usage,
      cause,
    });

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
    const problem =
      unknown === undefined ? (issue?.message ?? "not as expected") : "there is no such key";
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
    throw failure(many ? "its aliases have no end" : "an alias has no anchor", cause);
  }
}

function keyName(path: readonly Key[]): string {
  return path.length === 0 ? "the whole" : path.join(".");
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
