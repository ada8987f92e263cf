import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { spawn as spawnPty } from "@lydell/node-pty";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseArguments } from "../../src/cli/program.ts";
import { settings } from "../../src/plan/settings.ts";
import { script, World } from "./world.ts";

let world: World;
let text: string;
beforeAll(async () => {
  world = await World.make();
  text = await readFile(script, "utf8");
});
afterAll(() => world.remove());

const shells = [["sh"], ["dash"], ["busybox", "ash"], ["bash", "--posix"], ["ksh"]].filter(
  ([name = "sh"]) => spawnSync(name, ["-c", ":"]).error === undefined,
);

test.each(shells)("%s %s takes the script for well written", (name = "sh", ...args) => {
  const { status, stderr } = spawnSync(name, [...args, "-n", script], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("cut short anywhere, it does nothing", async () => {
  const end = text.trimEnd().length;
  const cuts = new Set<number>();
  for (let cut = 0; cut < end; cut += 1009) cuts.add(cut);
  for (let line = text.indexOf("\n"); line !== -1; line = text.indexOf("\n", line + 400))
    cuts.add(line);
  for (let cut = end - 30; cut < end; cut++) cuts.add(cut);
  expect(cuts.size).toBeGreaterThan(50);
  const run = async (cut: number) => {
    const options = { args: ["--no-setup"], env: { HEROS_SOURCE: world.checkout } };
    const { stdout } = await world.run({ ...options, piped: text.slice(0, cut) });
    expect(stdout, `cut at ${cut}`).toBe("");
    expect(await world.homeFiles(), `cut at ${cut}`).toEqual([]);
  };
  const waiting = [...cuts];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let cut = waiting.pop(); cut !== undefined; cut = waiting.pop()) await run(cut);
    }),
  );
  expect(await world.npmCalls()).toEqual([]);
});

test("its --help is the text alone, on stdout", async () => {
  const { status, stdout, stderr } = await world.run({ args: ["--help"] });
  expect(stdout).toContain("--rollback");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("it knows the flags of heros setup, and no others", () => {
  const help = parseArguments(["setup", "--help"]);
  const options = help.kind === "text" ? help.text.match(/^ {2}(-\w, )?--[\w-]+( [<[])?/gm) : null;
  const expected = new Map<string, string>();
  for (const option of options ?? []) {
    const kind = /[<[]$/.test(option) ? "value" : "alone";
    for (const flag of option.match(/(^|\s)--?[\w-]+/g) ?? []) expected.set(flag.trim(), kind);
  }
  for (const flag of ["-h", "--help"]) expected.delete(flag);
  // Other names of settings, which no help shows.
  for (const { otherName } of settings) {
    if (otherName !== undefined) expected.set(otherName.flag.split(" ")[0] ?? "", "value");
  }
  expect(expected.size).toBeGreaterThan(15);

  const body = /^setup_flag\(\) \{\n.*?^\}/ms.exec(text)?.[0] ?? "";
  const known = new Map<string, string>();
  for (const [, flags = "", kind = ""] of body.matchAll(/^ +(-.*)\) echo (\w+) ;;$/gm)) {
    for (const flag of flags.split(" | ")) known.set(flag, kind);
  }
  expect(known).toEqual(expected);
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
