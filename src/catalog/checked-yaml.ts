import type { z } from "zod";
import type { Failure } from "../run/failure.ts";
import type { InvalidYaml } from "../run/failures/cli.ts";
import { type Key, type Misplaced, readYamlText } from "./yaml-text.ts";

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
  const read = readYamlText(text);
  const failure = (found: readonly Misplaced[], cause?: unknown) => {
    const problems = found
      .map(({ offset, problem }) => ({ line: read.lineOf(offset), problem }))
      .toSorted((one, other) => one.line - other.line);
    return file.failure({ file: source, problems }, cause);
  };
  const ofKeys = (wrong: readonly WrongKey[], cause?: unknown) =>
    failure(
      wrong.map(({ path, problem }) => ({
        offset: read.offsetOf(path),
        problem: `${keyName(path)}: ${problem}`,
      })),
      cause,
    );

  if (read.errors.length > 0) throw failure(read.errors);
  const { contents: written } = read;
  const forbidden = read.forbidden.map((path): WrongKey => ({ path, problem: unknownKey }));
  const parsed = shape.safeParse(written);
  if (!parsed.success) {
    const wrong = [...forbidden, ...parsed.error.issues.flatMap(wrongKeys)];
    // What else is wrong is told in the same breath, as far as the rest of the file says.
    const rest = shape.safeParse(without(written, wrong));
    const others = rest.success ? meaning(rest.data).filter(isApartFrom(wrong)) : [];
    throw ofKeys([...wrong, ...others], parsed.error);
  }
  const { data: value } = parsed;
  const require = (wrong: readonly WrongKey[]): void => {
    if (wrong.length > 0) throw ofKeys(wrong);
  };
  require([...forbidden, ...meaning(value)]);
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

function keyName(path: readonly Key[]): string {
  return path.length === 0 ? "the file" : path.join(".");
}
