/**
 * Finds lines that no test holds in place: changes one condition or constant at a time where being wrong hurts, and sees
 * that a test fails for each.
 *
 *     node scripts/mutate.ts [--count 200] [--seed 1] [--only src/store] [--pick 0-49,77] [--rounds 3] [--list]
 *
 * Works in a copy of the sources. What survives is told, and ends the run with 1, unless scripts/mutations-accepted.txt
 * says why no test can or need see it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { type Mutant, mutantsOf } from "./mutants.ts";

const rooms = ["src/source", "src/store", "src/download", "src/deploy"];
/** How many tests run in each round, the nearest to a file first: most mutants fall in the first. */
const batches = [2, 6, 34];
/** A test that takes as long hangs; the tests alone, so that a busy machine is no reason. */
const testLimitMs = 40_000;
/** What stands still within a test, so that no clock of its own ends it, says nothing for as long. */
const silenceMs = 75_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    /** Of the chosen ones these alone, so that a run can be parted. */
    pick: { type: "string" },
    /** Fewer are quicker, and say less of what survives. */
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "src/" },
    list: { type: "boolean", default: false },
  },
});

const rounds = Math.min(batches.length, Number(values.rounds));

/** Imported by tests that start the built program, which so sees a change only in a build of its own. */
const startsBuild = new Set(["test/cli/sandbox.ts", "test/cli/heros-pty.ts"]);

interface Related {
  readonly test: string;
  /** Of imports between the two. */
  readonly distance: number;
  readonly built: boolean;
}

/** For each file of src, the tests that see it: those beside it, then those that import it, the nearest first. */
function testsByFile(): (file: string) => Related[] {
  const sources = new Set(globSync("{src,test}/**/*.{ts,tsx}", { cwd: root }));
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
  const tests = [...sources].filter((file) => /\.test\.tsx?$/.test(file)).toSorted();
  const seenBy = tests.map((test) => {
    const distances = new Map([[test, 0]]);
    for (const [file, distance] of distances) {
      for (const next of importsOf(file)) {
        if (!distances.has(next)) distances.set(next, distance + 1);
      }
    }
    const built = [...startsBuild].some((file) => distances.has(file));
    return { test, distances, built };
  });
  return (file) => {
    const folder = dirname(file).replace(/^src/, "test");
    const name = basename(file).replace(/\.tsx?$/, "");
    const far = ({ test, distance, built }: Related): number => {
      if (test === `${folder}/${name}.test.ts`) return -1;
      if (dirname(test) === folder) return basename(test).startsWith(name) ? 0 : distance / 10;
      return distance + (built ? 100 : 0);
    };
    return seenBy
      .flatMap(({ test, distances, built }): Related[] => {
        const distance = distances.get(file) ?? (built ? 50 : null);
        return distance === null ? [] : [{ test, distance, built }];
      })
      .toSorted((a, b) => far(a) - far(b));
  };
}

/** @returns the output where it failed, or hung; null where the tests passed. */
async function failureOf(command: string, args: readonly string[]): Promise<string | null> {
  const child = spawn(`node_modules/.bin/${command}`, args, {
    cwd: folder,
    env: { ...process.env, CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const kill = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  process.once("exit", kill);
  let output = "";
  let alarm = setTimeout(kill, silenceMs);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      clearTimeout(alarm);
      alarm = setTimeout(kill, silenceMs);
    });
  }
  const [status] = (await once(child, "close")) as [number | null];
  clearTimeout(alarm);
  process.off("exit", kill);
  if (status === 0) return null;
  return stripVTControlCharacters(status === null ? `${output}\nnothing more, it hangs` : output);
}

async function runTests(tests: readonly Related[]): Promise<string | null> {
  if (tests.some(({ built }) => built)) {
    const failure = await failureOf("node", ["scripts/build.ts"]);
    if (failure !== null) return `the build: ${failure.trim().split("\n").at(-1) ?? ""}`;
  }
  const limits = [`--testTimeout=${testLimitMs}`, `--hookTimeout=${testLimitMs}`];
  // It says something with each test that ends.
  const options = ["run", "--bail=1", "--reporter=verbose", ...limits];
  const output = await failureOf("vitest", [...options, ...tests.map(({ test }) => test)]);
  if (output === null) return null;
  const named = /^\s*FAIL\s+(.*)$/m.exec(output) ?? /^\s*(\w*Error: .*)$/m.exec(output);
  return named?.[1] ?? output.trim().split("\n").at(-1) ?? "vitest";
}

/** How often a test saw a change of a file: it is asked first about the next. */
const seen = new Map<string, number>();
/** Tests that also fail without any change: they see nothing. */
const broken = new Set<string>();

/** @returns the test that failed; null where none did. */
async function witnessOf(mutant: Mutant): Promise<string | null> {
  const path = join(folder, mutant.file);
  const code = codeOf.get(mutant.file) ?? "";
  const changed = code.slice(0, mutant.start) + mutant.text + code.slice(mutant.end);
  const sightings = ({ test }: Related): number => seen.get(`${mutant.file} ${test}`) ?? 0;
  const tests = related(mutant.file)
    .filter(({ test }) => !broken.has(test))
    .toSorted((a, b) => sightings(b) - sightings(a));
  try {
    for (let done = 0, round = 0; done < tests.length && round < rounds; round += 1) {
      const batch = tests.slice(done, done + (batches[round] ?? 0));
      done += batch.length;
      writeFileSync(path, changed);
      const failed = await runTests(batch);
      if (failed === null) continue;
      const witness = batch.find(({ test }) => failed.includes(test));
      // What hangs, or throws beside a test, names none.
      const witnesses = witness === undefined ? batch : [witness];
      // Each time anew: what fails on a busy machine may have passed before.
      writeFileSync(path, code);
      if ((await runTests(witnesses)) === null) {
        for (const { test } of witnesses) {
          const key = `${mutant.file} ${test}`;
          seen.set(key, (seen.get(key) ?? 0) + 1);
        }
        return failed;
      }
      for (const { test } of witnesses) {
        console.log(`${test} fails without any change, and is left out`);
        broken.add(test);
      }
      return await witnessOf(mutant);
    }
    return null;
  } finally {
    writeFileSync(path, code);
  }
}

/** Whether `0-49,77` names it. */
function isPicked(index: number): boolean {
  if (values.pick === undefined) return true;
  return values.pick.split(",").some((part) => {
    const [from = 0, to = from] = part.split("-").map(Number);
    return index >= from && index <= to;
  });
}

const short = (text: string, length = 60): string => text.replaceAll(/\s+/g, " ").slice(0, length);
const changeOf = ({ before, text }: Mutant): string => `${short(before)} → ${short(text)}`;
const describe = (mutant: Mutant): string =>
  `${mutant.file}:${mutant.line} ${changeOf(mutant)} in: ${short(mutant.source, 90)}`;

/** The changes that no test need see: file | line | change | reason. */
const accepted = readFileSync(join(root, "scripts/mutations-accepted.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((text) => {
    const [file = "", line = "", change = "", reason = ""] = text.split(" | ");
    return { name: `${file} ${line} ${change}`, reason };
  });
const nameOf = (mutant: Mutant): string =>
  `${mutant.file} ${short(mutant.source, 90)} ${changeOf(mutant)}`;

const files = globSync(
  rooms.map((room) => `${room}/**/*.ts`),
  { cwd: root },
).toSorted();
/** As it was at the start: somebody may go on working meanwhile. */
const codeOf = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
const candidates = [...codeOf]
  .flatMap(([file, code]) => mutantsOf(file, code, Number(values.seed)))
  .toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
const chosen = candidates
  .filter(({ file }) => file.startsWith(values.only))
  .slice(0, Number(values.count));
console.log(`${chosen.length} of ${candidates.length} changes in ${rooms.join(", ")}`);
if (values.list) {
  for (const [index, mutant] of chosen.entries()) console.log(`${index} ${describe(mutant)}`);
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), "heros-mutate-"));
// Some tests start heros as somebody else.
chmodSync(folder, 0o755);
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));
for (const name of ["src", "test", "bin", "assets", "scripts", "docs", "dist"]) {
  cpSync(join(root, name), join(folder, name), { recursive: true });
}
for (const name of ["package.json", "tsconfig.json", "vitest.config.ts"]) {
  cpSync(join(root, name), join(folder, name));
}
symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));

const related = testsByFile();
let survivors = 0;
for (const [index, mutant] of chosen.entries()) {
  if (!isPicked(index)) continue;
  const startedMs = performance.now();
  const reason = accepted.find(({ name }) => name === nameOf(mutant))?.reason;
  const witness = reason === undefined ? await witnessOf(mutant) : `accepted: ${reason}`;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  if (witness === null) survivors += 1;
  console.log(`${index} ${describe(mutant)}: ${witness ?? "SURVIVED"} (${seconds} s)`);
}
const names = new Set(candidates.map(nameOf));
for (const { name } of accepted) {
  if (!names.has(name)) console.log(`accepted, but no longer there: ${name}`);
}
console.log(`${survivors} survived`);
process.exit(survivors === 0 ? 0 : 1);
