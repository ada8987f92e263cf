import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spawn as spawnPty } from "@lydell/node-pty";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isThere, script, shells, World } from "./world.ts";

const builder = join(script, "../scripts/from-source.sh");
const more = [...shells, ["sh"], ...(isThere("ksh") ? [["ksh"]] : [])];

let world: World;
let text: string;
beforeAll(async () => {
  world = await World.make();
  text = await readFile(script, "utf8");
});
afterAll(() => world.remove());

test.each(more)("%s %s takes the scripts for well written", (name = "sh", ...args) => {
  for (const file of [script, builder]) {
    const { status, stderr } = spawnSync(name, [...args, "-n", file], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  }
});

test("a person can read it in one go: at most 250 lines, none of them endless", () => {
  const lines = text.split("\n");
  expect(lines.length).toBeLessThanOrEqual(250);
  expect(lines.filter((line) => line.length > 140)).toEqual([]);
});

/** Runs what is given, less and less of it, and says so. It goes on where a shell ends at the wrong syntax. */
const shortening = `
text=$(cat "$1" && echo .) text=\${text%.} size=\${#text} step=$2
PATH=$3
while [ "$size" -gt 0 ]; do
  count=0
  while [ "$count" -lt "$step" ] && [ "$size" -gt 0 ]; do text=\${text%?} size=$((size - 1)) count=$((count + 1)); done
  (eval "$text" || :) </dev/null 2>/dev/null
done
echo "tried all"
`;

/** @returns the programs that were called, by any beginning of the text */
async function callsOf(file: string, [name = "sh", ...args]: readonly string[], step: number) {
  const home = await mkdtemp(join(world.root, "cut-"));
  const programs = join(home, "programs");
  await mkdir(programs);
  // Half a name may be that of another program.
  const words = (await readFile(file, "utf8")).match(/[A-Za-z][\w-]*/g) ?? [];
  const names = new Set(
    words.flatMap((word) => Array.from(word, (_, at) => word.slice(0, at + 1))),
  );
  const first = join(programs, "heros-stand-in");
  const standIn = `#!${world.bin}/sh\necho "$0" >>'${home}/called'\n`;
  await writeFile(first, standIn, { mode: 0o755 });
  await Promise.all([...names].map((each) => symlink(first, join(programs, each))));
  const shell = execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
  const all = [...args, "-c", shortening, "sh", file, String(step), programs];
  const env = { PATH: world.bin, HOME: home, LC_ALL: "C" };
  const { status, stdout } = spawnSync(shell, all, { cwd: home, encoding: "utf8", env });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "tried all\n" });
  const left = await readdir(home);
  if (!left.includes("called")) expect(left).toEqual(["programs"]);
  return left.includes("called") ? readFile(join(home, "called"), "utf8") : "";
}

test.each(more)("%s %s runs nothing of it where it was cut short", async (...shell) => {
  // Each byte by the shell that is sh on Debian; by the others some.
  expect(await callsOf(script, shell, shell[0] === "dash" ? 1 : 29)).toBe("");
});

test("of a script without the brace, it would see what is called", async () => {
  const other = join(world.root, "other.sh");
  await writeFile(other, "ask() {\n  make it\n}\nask\n");
  expect(await callsOf(other, ["sh"], 1)).toContain("/as\n");
});

test("its --help is the text alone, on stdout", async () => {
  const { status, stdout, stderr } = await world.run({ args: ["--help"] });
  expect(stdout).toContain("--rollback");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("piped into sh where there is a terminal, heros asks on that", async () => {
  const ended = new Promise<string>((resolve) => {
    let seen = "";
    const terminal = spawnPty("sh", ["-c", 'cat "$0" | sh -s -- --demo', script], {
      cwd: world.root,
      cols: 200,
      env: { HOME: world.home, PATH: world.bin, WORLD: world.root, HEROS_SOURCE: world.checkout },
    });
    terminal.onData((data) => (seen += data));
    terminal.onExit(({ exitCode }) => resolve(`${seen}${exitCode}`));
  });
  const seen = await ended;
  expect(seen).toContain('{"args":["setup","--demo"],"tty":true');
  expect(seen.endsWith("0")).toBe(true);
});
