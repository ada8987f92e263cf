import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { read, root } from "./own-files.ts";

/** The entry alone: no build, no packages. */
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heros-bin-"));
  await cp(join(root, "bin"), join(folder, "bin"), { recursive: true });
  await cp(join(root, "package.json"), join(folder, "package.json"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function heros(args: readonly string[], nodeArgs: readonly string[] = []) {
  const all = [...nodeArgs, join(folder, "bin/heros.js"), ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: "utf8" });
  return { status, stdout, stderr };
}

test.each(["--version", "-V"])("%s is answered without loading anything", async (flag) => {
  const version = /"version": "(.*)"/.exec(await read("package.json"))?.[1];
  expect(heros([flag])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
});

test.each(["20.20.2", "22.22.0", "24.4.1"])(
  "Node %s is too old, and it says so",
  async (version) => {
    const preload = join(folder, "old.cjs");
    const versions = `{ ...process.versions, node: "${version}" }`;
    await writeFile(
      preload,
      `Object.defineProperty(process, "versions", { value: ${versions} });\n`,
    );
    const { status, stdout, stderr } = heros(["setup"], ["--require", preload]);
    expect(stderr).toContain(`needs Node 24.5 or newer, and this is Node ${version}`);
    expect(stderr).toContain("sh install.sh");
    expect({ status, stdout }).toEqual({ status: 4, stdout: "" });
  },
);

test("installed by npm, it names no install.sh that is not there", async () => {
  const place = join(folder, "node_modules/heros");
  for (const part of ["bin", "package.json"])
    await cp(join(folder, part), join(place, part), { recursive: true });
  const preload = join(folder, "old.cjs");
  const versions = `{ ...process.versions, node: "20.20.2" }`;
  await writeFile(preload, `Object.defineProperty(process, "versions", { value: ${versions} });\n`);
  const args = ["--require", preload, join(place, "bin/heros.js"), "setup"];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stderr).toContain("needs Node 24.5 or newer, and this is Node 20.20.2");
  expect(stderr).toContain("Install a newer Node");
  expect(stderr).not.toContain("install.sh");
  expect(status).toBe(4);
});

test("without a build it says what to do", () => {
  const { status, stdout, stderr } = heros(["setup"]);
  expect(stderr).toBe('heros is not built here yet.\nRun "npm ci && npm run build" first.\n');
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
});

test.each([
  ["no build", null, "install.not_built"],
  ["a build without its packages", `import "./nowhere.js";`, "install.broken"],
  ["a build that is torn", "export const main = (", "install.broken"],
])("%s ends in the closing record with --json", async (_, main, code) => {
  const built = join(folder, "dist/cli/main.js");
  await mkdir(dirname(built), { recursive: true });
  if (main !== null) await writeFile(built, main);
  for (const args of [["--json"], ["--output", "json"], ["--output=json"]]) {
    const { status, stdout, stderr } = heros(["setup", ...args]);
    expect(JSON.parse(stdout)).toMatchObject({ v: 1, type: "run.failed", code, exitCode: 1 });
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  }
});

test("it is written so that an old Node can read it", async () => {
  const text = await read("bin/heros.js");
  expect(text).not.toMatch(/^import\s|\bconst\b|\blet\b|=>|\?\.|\?\?|`|\basync\b|\bawait\b/m);
});

test("its first line and the launchers of a release start Node with the same flags", async () => {
  const flags = /^#!\/usr\/bin\/env -S node (?<flags>.+)\n/u.exec(
    await read("bin/heros.js"),
  )?.groups;
  expect(flags?.["flags"]).toMatch(/^--max-semi-space-size=\d+$/u);
  const flag = flags?.["flags"];
  expect(await read("scripts/release/tree.ts")).toContain(`runtime/node" ${flag} "$here`);
  expect(await read("src/release/tree.ts")).toContain(`nodeFlag = "${flag}"`);
});

test("it starts by its own first line", () => {
  const path = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const { status } = spawnSync(join(folder, "bin/heros.js"), ["--version"], {
    env: { ...process.env, PATH: path },
  });
  expect(status).toBe(0);
});
