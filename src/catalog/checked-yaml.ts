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
  /** What else it was judged by; left out: all of the same part, as of the same model. */
  readonly of?: readonly (readonly Key[])[];
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
    const { value: rest, left } = withoutWrong(shape, written, wrong);
    const others = rest === null ? [] : meaning(rest).filter(isApartFrom(wrong, left));
    throw ofKeys([...wrong, ...others], parsed.error);
  }
  const { data: value } = parsed;
  const require = (wrong: readonly WrongKey[]): void => {
    if (wrong.length > 0) throw ofKeys(wrong);
  };
  require([...forbidden, ...meaning(value)]);
  return { value, require };
}

type Path = readonly Key[];

/** Each takes away what needed what the one before took away. */
const mostRounds = 8;

/**
 * What has the right shape once the wrong keys are left out, and whatever can't do without them; null where that is the
 * file. `left` is what is left out: of what stands in a list, the list, so that all else keeps its place.
 */
function withoutWrong<Shape extends z.ZodType>(
  shape: Shape,
  written: unknown,
  wrong: readonly WrongKey[],
): { readonly value: z.output<Shape> | null; readonly left: readonly Path[] } {
  const copy = structuredClone(written);
  const left: Path[] = [];
  let paths: readonly Path[] = wrong.map(({ path }) => path);
  for (let round = 0; round < mostRounds; round += 1) {
    const now = new Set<string>();
    for (const path of paths) {
      const own = path.slice(0, path.findLastIndex((key) => typeof key === "string") + 1);
      if (isWithin(now, own)) continue;
      const gone = removeFrom(copy, own) ? own : upTo(own);
      if (gone.length === 0) return { value: null, left };
      if (gone !== own) removeFrom(copy, gone);
      left.push(gone);
      now.add(JSON.stringify(gone));
    }
    const parsed = shape.safeParse(copy);
    if (parsed.success) return { value: parsed.data, left };
    paths = parsed.error.issues.flatMap(wrongKeys).map(({ path }) => path);
  }
  return { value: null, left };
}

/** Whether it is one of these, or a part of one. */
function isWithin(all: ReadonlySet<string>, path: Path): boolean {
  return path.some((_key, index) => all.has(JSON.stringify(path.slice(0, index + 1))));
}

/** The closest parent that has a name. */
function upTo(path: Path): Path {
  return path.slice(0, path.slice(0, -1).findLastIndex((key) => typeof key === "string") + 1);
}

/** Whether it was there. */
function removeFrom(value: unknown, path: Path): boolean {
  let holder: unknown = value;
  for (const key of path.slice(0, -1)) holder = isRecord(holder) ? holder[key] : undefined;
  const name = path.at(-1);
  if (!isRecord(holder) || name === undefined || !Object.hasOwn(holder, name)) return false;
  return Reflect.deleteProperty(holder, name);
}

/** Whether it would be wrong with the keys that were left out, too. */
function isApartFrom(
  wrong: readonly WrongKey[],
  left: readonly Path[],
): (other: WrongKey) => boolean {
  const partOf = (path: Path): string => JSON.stringify(path.slice(0, 2));
  const unknown = new Set(
    wrong.filter(({ problem }) => problem === unknownKey).map(({ path }) => JSON.stringify(path)),
  );
  const missed = [...wrong.map(({ path }) => path), ...left].filter(
    (path) => !unknown.has(JSON.stringify(path)),
  );
  const parts = new Set(missed.map(partOf));
  const all = new Set(missed.map((path) => JSON.stringify(path)));
  return ({ path, of }) =>
    of === undefined
      ? !isWithin(all, path) && !parts.has(partOf(path))
      : ![path, ...of].some((each) => isWithin(all, each));
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
  return [{ path, problem: isMissing ? "is missing" : (tooBig(issue) ?? issue.message) }];
}

/** In our words where a shape has none of its own. */
function tooBig(issue: z.core.$ZodIssue): string | null {
  if (issue.code !== "too_big" || !issue.message.startsWith("Too big")) return null;
  const most = String(issue.maximum);
  if (issue.origin === "array") return `must not have more than ${most} entries`;
  if (issue.origin === "string") return `must not be longer than ${most} characters`;
  return `must not be more than ${most}`;
}

function keyName(path: readonly Key[]): string {
  return path.length === 0 ? "the file" : path.join(".");
}
