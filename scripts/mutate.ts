/**
 * Finds lines that no test holds in place: changes one condition or constant at a time where being wrong hurts, and sees
 * that a test fails for each.
 *
 *     node scripts/mutate.ts [--count 200] [--seed 1] [--from N] [--only src/store] [--list]
 *
 * Works in a copy of the sources. What survives is told, and ends the run with 1, unless scripts/mutations-accepted.txt
 * says why no test can or need see it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { parseAst } from "rolldown/parseAst";

const rooms = ["src/source", "src/store", "src/download", "src/deploy"];
/** Tests nearest to a file first, in batches that grow: most mutants fall in the first. */
const batches = [3, 9, 30];
const limitMs = 180_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    /** Skips those before, so that a run can be continued. */
    from: { type: "string", default: "0" },
    only: { type: "string", default: "src/" },
    list: { type: "boolean", default: false },
  },
});

/** One change: these characters of the file become that text. */
interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly before: string;
  /** The line, as the list of accepted ones knows it. */
  readonly source: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const operators: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
  "*": "/",
  "/": "*",
  "-": "+",
};

function mutantsOf(file: string): Mutant[] {
  const code = readFileSync(join(root, file), "utf8");
  const mutants: Mutant[] = [];
  const change = (start: number, end: number, text: string): void => {
    const line = code.slice(0, start).split("\n").length;
    const source = code.split("\n")[line - 1]?.trim() ?? "";
    mutants.push({ file, line, start, end, text, before: code.slice(start, end), source });
  };
  const visit = (node: Node): void => {
    // Types are no code.
    if (node.type.startsWith("TS") && !("expression" in node)) return;
    switch (node.type) {
      case "BinaryExpression":
      case "LogicalExpression": {
        const { left, right, operator } = node as unknown as {
          left: Node;
          right: Node;
          operator: string;
        };
        const other = operators[operator];
        const at = code.indexOf(operator, left.end);
        if (other !== undefined && at < right.start) change(at, at + operator.length, other);
        break;
      }
      case "IfStatement":
      case "ConditionalExpression": {
        const { test } = node as unknown as { test: Node };
        change(test.start, test.end, `!(${code.slice(test.start, test.end)})`);
        break;
      }
      case "Literal": {
        const { value } = node;
        if (typeof value === "boolean") change(node.start, node.end, String(!value));
        if (typeof value === "number") {
          change(
            node.start,
            node.end,
            String(value <= 10 && value % 1 === 0 ? value + 1 : value * 10),
          );
        }
        break;
      }
      case "MemberExpression": {
        const text = code.slice(node.start, node.end);
        if (text === "Math.min") change(node.start, node.end, "Math.max");
        if (text === "Math.max") change(node.start, node.end, "Math.min");
        break;
      }
    }
    for (const [key, value] of Object.entries(node)) {
      if (/^(?:typeAnnotation|typeParameters|typeArguments|returnType)$/.test(key)) continue;
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (isNode(child)) visit(child);
      }
    }
  };
  visit(parseAst(code, { lang: "ts" }) as unknown as Node);
  return mutants;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** The same choice for the same seed. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return items
    .map((item) => ({ item, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** For each file, the tests that import it, the nearest first. */
function testsByFile(): Map<string, string[]> {
  const found = new Map<string, { test: string; distance: number }[]>();
  const imports = new Map<string, string[]>();
  const importsOf = (file: string): string[] => {
    const known = imports.get(file);
    if (known !== undefined) return known;
    const code = readFileSync(join(root, file), "utf8");
    const all = [...code.matchAll(/(?:from|import\(|import|new URL\()\s*"(\.[^"]+\.tsx?)"/g)]
      .map(([, specifier = ""]) => normalize(join(dirname(file), specifier)))
      .filter((target) => sources.has(target));
    imports.set(file, all);
    return all;
  };
  const sources = new Set(globSync("{src,test}/**/*.{ts,tsx}", { cwd: root }));
  for (const test of [...sources].filter((file) => /\.test\.tsx?$/.test(file)).toSorted()) {
    const distances = new Map([[test, 0]]);
    for (const [file, distance] of distances) {
      for (const next of importsOf(file)) {
        if (!distances.has(next)) distances.set(next, distance + 1);
      }
    }
    for (const [file, distance] of distances) {
      const list = found.get(file) ?? [];
      list.push({ test, distance });
      found.set(file, list);
    }
  }
  return new Map(
    [...found].map(([file, list]) => [
      file,
      list.toSorted((a, b) => a.distance - b.distance).map(({ test }) => test),
    ]),
  );
}

async function firstFailure(folder: string, tests: readonly string[]): Promise<string | null> {
  const child = spawn("node_modules/.bin/vitest", ["run", "--bail=1", ...tests], {
    cwd: folder,
    env: { ...process.env, CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  // What hangs is seen too.
  const alarm = setTimeout(() => process.kill(-(child.pid ?? 0), "SIGKILL"), limitMs);
  const [status] = (await once(child, "close")) as [number | null];
  clearTimeout(alarm);
  if (status === null) return "a test that hangs";
  if (status === 0) return null;
  const failed = /^\s*FAIL\s+(.*)$/m.exec(stripVTControlCharacters(output))?.[1];
  return failed ?? output.trim().split("\n").at(-1) ?? "vitest";
}

const accepted = readFileSync(join(root, "scripts/mutations-accepted.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split(" | "));
const isAccepted = ({ file, source, before, text }: Mutant): boolean =>
  accepted.some(
    ([path, line, changed]) =>
      path === file && line === source && changed === `${before} → ${text}`,
  );

const files = globSync(
  rooms.map((room) => `${room}/**/*.ts`),
  { cwd: root },
).toSorted();
const candidates = shuffled(files.flatMap(mutantsOf), Number(values.seed));
const chosen = candidates
  .slice(0, Number(values.count))
  .filter(({ file }) => file.startsWith(values.only));
console.log(`${chosen.length} of ${candidates.length} changes in ${rooms.join(", ")}`);
if (values.list) {
  for (const mutant of chosen) console.log(describe(mutant));
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), "heros-mutate-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));
for (const name of [
  "src",
  "test",
  "bin",
  "assets",
  "scripts",
  "docs",
  "dist",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
]) {
  cpSync(join(root, name), join(folder, name), { recursive: true });
}
symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));

const related = testsByFile();
let survivors = 0;
for (const [index, mutant] of chosen.entries()) {
  if (index < Number(values.from)) continue;
  const startedMs = performance.now();
  const code = readFileSync(join(root, mutant.file), "utf8");
  const changed = code.slice(0, mutant.start) + mutant.text + code.slice(mutant.end);
  writeFileSync(join(folder, mutant.file), changed);
  const tests = related.get(mutant.file) ?? [];
  let seenBy: string | null = null;
  let done = 0;
  for (const size of batches) {
    const batch = tests.slice(done, done + size);
    if (seenBy !== null || batch.length === 0) break;
    seenBy = await firstFailure(folder, batch);
    done += size;
  }
  writeFileSync(join(folder, mutant.file), code);
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  const survived = seenBy === null && !isAccepted(mutant);
  if (survived) survivors += 1;
  const result = seenBy ?? (survived ? "SURVIVED" : "accepted");
  console.log(`${index} ${describe(mutant)}: ${result} (${seconds} s)`);
}
console.log(`${survivors} of ${chosen.length} survived`);
process.exit(survivors === 0 ? 0 : 1);

function describe({ file, line, before, text, source }: Mutant): string {
  const short = (words: string): string => words.replaceAll(/\s+/g, " ").slice(0, 60);
  return `${file}:${line} ${short(before)} → ${short(text)} in: ${source.slice(0, 90)}`;
}
