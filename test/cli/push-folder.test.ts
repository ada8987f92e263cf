import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;
let place: string;

beforeEach(async () => {
  sandbox = await makeSandbox();
  place = join(sandbox.dir, "usb stick");
  hub = await startHub({
    repos: [
      {
        id: "demo/voice",
        files: [
          { path: "config.json", content: "{}" },
          { path: "onnx/deep/model +.onnx", sizeBytes: 700_000 },
        ],
      },
      { id: "demo/large", files: [{ path: "model.safetensors", sizeBytes: 3_000_000 }] },
    ],
  });
});
afterEach(async () => {
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

async function run(args: readonly string[], cache = "cache") {
  const catalog = await sandbox.file(
    "catalog.yaml",
    `schema: 1\nstack: test\ntiers: [{id: 1, name: Critical, required: true}]\nmodels: [{id: voice, repo: demo/voice, tier: 1}]\n`,
  );
  const where = ["--catalog", catalog, "--cache-dir", join(sandbox.dir, cache), "--json"];
  return sandbox.run([...args, ...where]);
}
const pull = (...models: string[]) => run(["pull", ...models, "--endpoint", hub.endpoint]);
/** The Hub is not needed for it. */
const push = (...models: string[]) =>
  run([
    "models",
    "push",
    `file://${encodeURI(place)}`,
    ...models,
    "--endpoint",
    "http://127.0.0.1:9",
  ]);
const fileIn = (cache: string, path: string) =>
  readFile(join(sandbox.dir, cache, `models--demo--${path}`));
const reposIn = async () => {
  const text = await readFile(join(place, "heros-manifest.json"), "utf8");
  return (JSON.parse(text) as { models: { repo: string }[] }).models.map(({ repo }) => repo);
};

test("what is pushed is in another cache after a pull, byte by byte; a second push writes nothing", async () => {
  await pull("voice", "demo/large");
  const pushed = await push();
  expect(pushed.exitCode, pushed.stdout).toBe(0);
  const told = pushed.events().filter(({ type }) => type === "model.pushed");
  expect(told).toMatchObject([
    { id: "demo/large", place, sentBytes: 3_000_000 },
    { id: "voice", place, sentBytes: 700_002 },
  ]);
  const names = await readdir(place, { recursive: true });
  expect(names.filter((name) => name.includes(".heros-part"))).toEqual([]);

  const back = await run(["pull", place, "--endpoint", "http://127.0.0.1:9"], "second");
  expect(back.exitCode, back.stdout).toBe(0);
  for (const path of [
    `voice/snapshots/${hub.commit("demo/voice")}/onnx/deep/model +.onnx`,
    `voice/snapshots/${hub.commit("demo/voice")}/config.json`,
    `voice/refs/main`,
    `large/snapshots/${hub.commit("demo/large")}/model.safetensors`,
  ]) {
    expect(await fileIn("second", path)).toEqual(await fileIn("cache", path));
  }

  const written = join(place, "demo/large", hub.commit("demo/large"), "model.safetensors");
  const before = await stat(written);
  const list = await stat(join(place, "heros-manifest.json"));
  const again = await push();
  expect(again.exitCode).toBe(0);
  expect((await stat(written)).ino).toBe(before.ino);
  expect((await stat(join(place, "heros-manifest.json"))).ino).toBe(list.ino);
});

test("one model is pushed beside others, and what others listed stays", async () => {
  await pull("voice", "demo/large");
  expect((await push("voice")).exitCode).toBe(0);
  expect((await push("demo/large")).exitCode).toBe(0);
  expect(await reposIn()).toEqual(["demo/large", "demo/voice"]);
});

test("what is missing of a model is written, and a half of a file is no file", async () => {
  await pull("voice");
  expect((await push("voice")).exitCode).toBe(0);
  const folder = join(place, "demo/voice", hub.commit("demo/voice"));
  await rm(join(folder, "config.json"));
  await writeFile(join(folder, "onnx/deep/model +.onnx"), "half");
  expect((await push("voice")).exitCode).toBe(0);
  expect((await run(["pull", place], "second")).exitCode).toBe(0);
});

test("a damaged file is not pushed, and nothing is listed", async () => {
  await pull("voice");
  const config = `cache/models--demo--voice/snapshots/${hub.commit("demo/voice")}/config.json`;
  await writeFile(join(sandbox.dir, config), "[]");
  expect(failureOf(await push("voice"))).toMatchObject({ code: "models.damaged", exitCode: 6 });
  await expect(reposIn()).rejects.toThrow("ENOENT");
});

test("nothing is written through a link out of the folder", async () => {
  await pull("voice");
  const outside = join(sandbox.dir, "outside");
  await mkdir(outside);
  await mkdir(place);
  await symlink(outside, join(place, "demo"));
  expect(failureOf(await push("voice"))).toMatchObject({ code: "folder.unsafe_link" });
  await rm(join(place, "demo"));
  await symlink(join(outside, "list"), join(place, "heros-manifest.json"));
  expect(failureOf(await push("voice"))).toMatchObject({ code: "folder.unsafe_link" });
  expect(
    (await readdir(outside, { recursive: true })).filter((name) => name.includes(".")),
  ).toEqual([]);
});

test("two do not write at once", async () => {
  await pull("voice");
  await mkdir(place);
  const flock = String.raw`open F, ">>", $ARGV[0]; flock F, 6; print "held\n"; $| = 1; sleep 600`;
  const other = spawn("/usr/bin/perl", ["-e", `$| = 1; ${flock}`, join(place, ".heros.lock")]);
  try {
    await once(other.stdout, "data");
    expect(failureOf(await push("voice"))).toMatchObject({ code: "folder.busy", exitCode: 1 });
  } finally {
    other.kill();
  }
});

test("a list that can't be used is told before anything is written", async () => {
  await pull("voice");
  await mkdir(place);
  await writeFile(join(place, "heros-manifest.json"), "{}");
  expect(failureOf(await push("voice"))).toMatchObject({ code: "folder.bad_manifest" });
  expect((await readdir(place)).toSorted()).toEqual([".heros.lock", "heros-manifest.json"]);
});

test.skipIf(process.getuid?.() === 0)("a folder that can't be written to", async () => {
  await pull("voice");
  await mkdir(place, { mode: 0o555 });
  const failed = await push("voice");
  await chmod(place, 0o755);
  expect(failureOf(failed)).toMatchObject({ code: "folder.not_writable", exitCode: 1 });
});

test("a folder on a full disk", async () => {
  await pull("demo/large");
  await mkdir(place);
  const mounted = await promisify(execFile)("mount", [
    "-t",
    "tmpfs",
    "-o",
    "size=1m",
    "none",
    place,
  ]).then(
    () => true,
    () => false,
  );
  if (!mounted) return;
  try {
    expect(failureOf(await push("demo/large"))).toMatchObject({ code: "disk.full", exitCode: 7 });
  } finally {
    await promisify(execFile)("umount", [place]);
  }
});

test.each([
  { to: "http://127.0.0.1:9/models/", code: "folder.read_only" },
  { to: "/nowhere/at/all", code: "folder.not_found" },
  { to: "file:///mnt/x#demo/voice", code: "folder.bad_name" },
])("heros models push $to ends with 2 and $code", async ({ to, code }) => {
  await pull("voice");
  const failed = await run(["models", "push", to, "voice"]);
  expect(failureOf(failed)).toMatchObject({ code, exitCode: 2 });
});
