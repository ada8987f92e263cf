import { existsSync } from "node:fs";
import { cp, lstat, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startHub, type EmbeddedHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { makeSandbox, type HerosRun, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

const strangeName = "b".repeat(64);
const places = ["cache", "home/.local/state", "catalog.yaml"];
let sandbox: Sandbox;
let hub: EmbeddedHub;
let catalog: string;
let blobs: string;

beforeAll(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({
    repos: [
      {
        id: "demo/voice",
        files: [
          { path: "config.json", content: "{}" },
          { path: "model.safetensors", sizeBytes: 2_000_000 },
        ],
      },
      { id: "demo/memory", files: [{ path: "model.safetensors", sizeBytes: 3_000_000 }] },
    ],
  });
  const model = (id: string, tier: number) =>
    `  - {id: ${id}, title: The ${id}, repo: demo/${id}, revision: ${hub.commit(`demo/${id}`)}, tier: ${tier}}\n`;
  catalog = await sandbox.file(
    "catalog.yaml",
    `schema: 1\nstack: test\ntiers:\n  - {id: 1, name: Critical, required: true}\n  - {id: 2, name: More, default: true}\nmodels:\n${model("voice", 1)}${model("memory", 2)}`,
  );
  blobs = join(sandbox.dir, "cache/models--demo--voice/blobs");
  expect((await heros("pull", "voice")).exitCode).toBe(0);
  for (const place of places) await copy(place, `${place}-pulled`);
});

/** Each test finds the cache, and what heros knows of it, as the pull left them. */
beforeEach(async () => {
  for (const place of places) {
    await rm(join(sandbox.dir, place), { recursive: true, force: true });
    await copy(`${place}-pulled`, place);
  }
});

afterAll(async () => {
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

async function copy(from: string, to: string): Promise<void> {
  const options = { recursive: true, verbatimSymlinks: true };
  await cp(join(sandbox.dir, from), join(sandbox.dir, to), options);
}

function heros(...args: string[]): Promise<HerosRun> {
  return herosIn({}, ...args);
}

function herosIn(env: Readonly<Record<string, string>>, ...args: string[]): Promise<HerosRun> {
  const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--json"];
  return sandbox.run([...args, ...where, "--cache-dir", join(sandbox.dir, "cache")], { env });
}

function the<Type extends TimedEvent["type"]>(run: HerosRun, type: Type) {
  const found = run
    .events()
    .find((event): event is Extract<TimedEvent, { type: Type }> => event.type === type);
  if (found === undefined) throw new Error(`no ${type} in ${run.stdout}${run.stderr}`);
  return found;
}

/** The large blob of the model that is here. */
async function largeBlob(): Promise<string> {
  const name = (await readdir(blobs)).find((each) => each.length === 64);
  return join(blobs, name ?? "none");
}

describe("heros models ls", () => {
  it("says of each model whether it is here, how large it is and where, and asks the Hub only for what it has never seen", async () => {
    const before = hub.requests.length;
    const run = await heros("models", "ls");
    expect(run.exitCode).toBe(0);
    expect(the(run, "models.listed").models).toMatchObject([
      { id: "voice", tier: 1, state: "here", totalBytes: 2_000_002, receivedBytes: 2_000_002 },
      { id: "memory", tier: 2, state: "missing", totalBytes: 3_000_000, path: null },
    ]);
    const [voice] = the(run, "models.listed").models;
    expect(await readFile(join(voice?.path ?? "", "config.json"), "utf8")).toBe("{}");
    expect(hub.requests.slice(before).filter(({ url }) => url.includes("demo/voice"))).toEqual([]);
  });

  it("is a table for people", async () => {
    const where = ["--catalog", catalog, "--endpoint", hub.endpoint];
    const cache = ["--cache-dir", join(sandbox.dir, "cache"), "--tiers", "1"];
    const { stdout } = await sandbox.run(["models", "ls", ...where, ...cache, "-q"]);
    expect(stdout).toMatch(
      /^Models in .*cache:\n {4}voice {2}set 1 {2}downloaded, 2\.00 MB {2}The voice: .*\n(.*\n)+.*All of these models are ready\.\n$/,
    );
  });

  it("works without the Hub, and says what it does not know", async () => {
    await rm(await largeBlob());
    const run = await herosIn({ HF_HUB_OFFLINE: "1" }, "models", "ls");
    expect(run.exitCode).toBe(0);
    expect(the(run, "notice")).toMatchObject({
      code: "hub.offline",
      message: expect.stringContaining("The memory") as unknown,
    });
    expect(the(run, "models.listed").models).toMatchObject([
      { id: "voice", state: "partly", receivedBytes: 2, totalBytes: 2_000_002 },
      { id: "memory", state: "unknown", totalBytes: null },
    ]);
  });
});

describe("heros models verify and repair", () => {
  it("find nothing wrong with what was pulled", async () => {
    const run = await heros("models", "verify");
    expect(run.exitCode).toBe(0);
    expect(the(run, "verify.finished")).toMatchObject({ files: 2, damaged: 0 });
    expect((await heros("models", "repair")).exitCode).toBe(0);
  });

  it("find damage, end with 6, then fetch the damaged file again and nothing else", async () => {
    const blob = await largeBlob();
    const sound = await readFile(blob);
    await writeFile(blob, Buffer.alloc(10, 7), { flag: "r+" });
    const spoilt = await readFile(blob);
    const found = failureOf(await heros("models", "verify"));
    expect(found).toMatchObject({
      code: "models.damaged",
      exitCode: 6,
      message: expect.stringMatching(
        /model\.safetensors of demo\/voice is damaged: its SHA-256 is [0-9a-f]{64}, expected [0-9a-f]{64}/,
      ) as unknown,
    });
    expect(found.hint).toContain("heros models repair");
    expect((await readFile(blob)).equals(spoilt)).toBe(true);

    const sentBefore = hub.sentBytes();
    const run = await heros("models", "repair");
    expect(run.exitCode).toBe(0);
    expect(hub.sentBytes() - sentBefore).toBe(2_000_000);
    expect((await readFile(blob)).equals(sound)).toBe(true);
    expect((await readdir(blobs)).filter((name) => name.includes("heros"))).toEqual([]);
    expect((await heros("models", "verify")).exitCode).toBe(0);
  });

  it("leave a damaged file where it is when no sound one can be had", async () => {
    const blob = await largeBlob();
    await writeFile(blob, Buffer.alloc(10, 7), { flag: "r+" });
    const offline = failureOf(await herosIn({ HF_HUB_OFFLINE: "1" }, "models", "repair"));
    expect(offline).toMatchObject({ code: "hub.offline", exitCode: 5 });
    expect(existsSync(blob)).toBe(true);
  });

  it("keep what they put aside until a sound file is there, also over a run that failed", async () => {
    const blob = await largeBlob();
    await writeFile(blob, Buffer.alloc(10, 7), { flag: "r+" });
    hub.setIntercept(({ origin }) =>
      origin === "content" ? { garbage: { start: 0, end: 9 } } : undefined,
    );
    try {
      const failure = failureOf(await heros("models", "repair"));
      expect(failure).toMatchObject({ code: "download.hash_mismatch", exitCode: 6 });
    } finally {
      hub.setIntercept(undefined);
    }
    expect([existsSync(blob), existsSync(`${blob}.heros-damaged`)]).toEqual([false, true]);
    const run = await heros("models", "repair");
    expect(run.exitCode).toBe(0);
    expect([existsSync(blob), existsSync(`${blob}.heros-damaged`)]).toEqual([true, false]);
  });

  it("never write through a link into the shared store", async () => {
    const blob = await largeBlob();
    const store = join(sandbox.dir, "cache/stored");
    await rename(blob, store);
    await symlink(store, blob);
    expect((await heros("models", "verify")).exitCode).toBe(0);
    await writeFile(store, Buffer.alloc(10, 7), { flag: "r+" });
    const spoilt = await readFile(store);
    expect((await heros("models", "repair")).exitCode).toBe(0);
    expect((await lstat(blob)).isFile()).toBe(true);
    expect((await readFile(store)).equals(spoilt)).toBe(true);
  });

  it("count what a model that was named lacks, and bring it", async () => {
    expect(failureOf(await heros("models", "verify", "memory"))).toMatchObject({ exitCode: 6 });
    expect((await heros("models", "repair", "memory")).exitCode).toBe(0);
    expect((await heros("models", "verify", "memory")).exitCode).toBe(0);
  });

  it("refuse a model that the catalog does not have", async () => {
    expect(failureOf(await heros("models", "verify", "nobody"))).toMatchObject({
      code: "models.unknown",
      exitCode: 2,
    });
  });
});

describe("heros models prune", () => {
  it("shows what could go, and removes it with --yes alone", async () => {
    const partial = join(blobs, `${strangeName}.heros-partial`);
    await writeFile(partial, "left over");
    for (const flags of [[], ["--dry-run"], ["--dry-run", "--yes"]]) {
      const shown = await heros("models", "prune", ...flags);
      expect(shown.exitCode).toBe(0);
      expect(the(shown, "prune.planned")).toMatchObject({
        dryRun: true,
        files: [{ file: partial }],
      });
    }
    expect(existsSync(partial)).toBe(true);
    const run = await heros("models", "prune", "--yes");
    expect(run.exitCode).toBe(0);
    expect(the(run, "file.removed")).toMatchObject({ kind: "partial", file: partial });
    expect(existsSync(partial)).toBe(false);
    expect((await heros("models", "verify")).exitCode).toBe(0);
  });

  it("keeps unfinished downloads while the Hub can't be asked what is wanted of a branch", async () => {
    const branch = await readFile(catalog, "utf8");
    await writeFile(catalog, branch.replaceAll(/revision: [0-9a-f]{40}/g, "revision: main"));
    const partial = join(blobs, `${strangeName}.heros-partial`);
    await writeFile(partial, "of a commit that is newer than the cache");
    const run = await herosIn({ HF_HUB_OFFLINE: "1" }, "models", "prune", "--yes");
    expect(the(run, "prune.planned")).toMatchObject({ files: [], kept: [{ file: partial }] });
    expect(existsSync(partial)).toBe(true);
  });
});
