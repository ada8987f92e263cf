import { access, mkdir, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parseRecording } from "../../src/record/read-record.ts";
import { freePort } from "../host/free-port.ts";
import type { Pty } from "../terminal/pty.ts";
import { ended, isRunning } from "./background-scene.ts";
import { openHeros } from "./heros-pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { failureOf } from "./wrong-input.ts";

const demo = ["setup", "--demo", "--yes", "--json", "--demo-speed", "20"];

let sandbox: Sandbox;
let pty: Pty | null = null;

beforeEach(async () => {
  sandbox = await makeSandbox();
});

afterEach(async () => {
  pty?.close();
  await sandbox[Symbol.asyncDispose]();
});

async function folder(name: string): Promise<string> {
  const made = path.join(sandbox.dir, name);
  await mkdir(made);
  return made;
}

describe("heros setup --demo", () => {
  it("rehearses her-os in a folder of its own, whatever folders it is given", async () => {
    const tmp = await folder("tmp");
    const [storage, stackDir] = [await folder("models"), await folder("stack")];
    const port = await freePort();
    const env = { TMPDIR: tmp, HF_ENDPOINT: "http://127.0.0.1:9", HF_TOKEN: "hf_mine_1234" };
    const run = await sandbox.run(
      [...demo, "--storage", storage, "--stack-dir", stackDir, "--port", String(port)],
      { env },
    );
    expect({ exitCode: run.exitCode, stderr: run.stderr }).toEqual({ exitCode: 0, stderr: "" });

    const [plan] = run.events().filter((event) => event.type === "plan.ready");
    expect(plan).toMatchObject({ tiers: [1, 2], token: "none" });
    expect(plan?.models.map(({ id }) => id)).toEqual([
      "qwen3-embedding-0.6b",
      "gliner-medium-v2.1",
      "whisper-large-v3",
    ]);
    for (const planned of [
      plan?.cacheDir,
      plan?.stackDir,
      ...(plan?.files ?? []).map(({ path: file }) => file),
    ]) {
      expect(planned?.startsWith(`${tmp}/heros-demo-`)).toBe(true);
    }
    const [online] = run.events().filter((event) => event.type === "annie.online");
    expect(online?.url).toContain(`:${port}`);
    for (const each of [tmp, storage, stackDir, sandbox.home]) {
      expect(await readdir(each)).toEqual([]);
    }
  });

  it("goes on in the background with b, in its own folder, and leaves nothing", async () => {
    const tmp = await folder("tmp");
    const env = { TMPDIR: tmp };
    const state = path.join(sandbox.home, ".local/state/heros");
    const kept = path.join(state, "demo/background.json");
    pty = openHeros(sandbox, ["setup", "--demo", "--yes", "--demo-speed", "2"], { env });
    await pty.waitFor(/^[3-9]\d[.\d]*\/1\d\d MB/m);
    const [world = ""] = await readdir(tmp);
    pty.type("b");
    expect((await pty.exit).exitCode).toBe(0);
    pty.close();
    expect(await readdir(tmp)).toEqual([world]);
    const { pid, record } = JSON.parse(await readFile(kept, "utf8")) as {
      pid: number;
      record: string;
    };
    try {
      await vi.waitFor(
        async () => expect(await readFile(record, "utf8")).toContain('"image.planned"'),
        { timeout: 240_000 },
      );
      const events = parseRecording(await readFile(record, "utf8"), record);
      // It waits where it is until it was looked at.
      process.kill(pid, "SIGSTOP");
      // It is no run that a real one meets: status has a line on it, and no more.
      const status = await sandbox.run(["status", "--json", "--port", "9"]);
      expect(status.events().find(({ type }) => type === "status.read")).toMatchObject({
        background: null,
      });
      expect(status.exitCode).toBe(0);
      expect((await sandbox.run(["status", "--port", "9"])).stdout).not.toMatch(/Annie is|Models/);
      expect(status.events()).toContainEqual(
        expect.objectContaining({
          code: "status.demo_runs",
          message: expect.stringContaining(String(pid)) as unknown,
        }),
      );
      expect(events[0]).toMatchObject({ type: "run.started", demo: true });
      // It goes on with the time and the bytes that it had.
      expect(events[0]?.at).toBeGreaterThan(500);
      const cached = events.map((each) => (each.type === "image.planned" ? each.cachedBytes : 0));
      expect(cached.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(10_000_000);
      // What the first process gave to its Docker stays there.
      const plan = events.find((event) => event.type === "plan.ready");
      const redis = plan?.images?.find(({ image }) => image.startsWith("redis:"));
      expect(redis?.totalBytes).toBe(0);
      pty = openHeros(sandbox, ["status", "--watch"], { env });
      await pty.waitFor("DEMO");
      process.kill(pid, "SIGCONT");
      expect((await pty.exit).exitCode).toBe(0);
      await ended(pid);
    } finally {
      if (await isRunning(pid)) process.kill(pid, "SIGKILL");
    }
    expect(await readdir(tmp)).toEqual([]);
    expect(await readdir(state)).toEqual([]);
  });

  it.each([
    ["a config file that is not there", ["--config", "nope.yaml"], "config.unreadable", 2],
    ["a port that is none", ["--port", "99999"], "settings.bad_value", 2],
    ["a catalog that is not there", ["--catalog", "/nope"], "catalog.unreadable", 2],
    ["a token file that is not there", ["--token-file", "nope"], "token.unreadable", 2],
    ["a Hub that is no address", ["--endpoint", "nope"], "settings.bad_value", 2],
    ["a rate that is none", ["--limit-rate", "abc"], "settings.bad_value", 2],
    ["sets that are not there", ["--tiers", "7"], "groups.unknown", 2],
    ["a stack that it can't simulate", ["--catalog", "open-webui"], "demo.other_stack", 2],
    ["a stack in /proc", ["--stack-dir", "/proc/1"], "disk.unsupported", 1],
    ["a stack in a file", ["--stack-dir", "/etc/passwd"], "stack.not_writable", 1],
    ["models in a file", ["--storage", "/etc/passwd/models"], "cache.not_writable", 1],
    ["a cache in a file", ["--cache-dir", "/etc/passwd"], "cache.not_writable", 1],
  ])("refuses %s, as a real one does", async (_what, args, code, exitCode) => {
    const tmp = await folder("tmp");
    const run = await sandbox.run([...demo, ...args], { env: { TMPDIR: tmp } });
    expect(failureOf(run)).toMatchObject({ code, exitCode });
    expect(await readdir(tmp)).toEqual([]);
    await expect(access(path.join(sandbox.home, ".local"))).rejects.toThrow();
  });

  it("rehearses another catalog where one is named", async () => {
    const catalog = await sandbox.file(
      "own.yaml",
      "schema: 1\nstack: own\ntiers:\n  - {id: 1, name: All, required: true}\nmodels:\n  - {id: mine, repo: me/mine, revision: main, tier: 1, files: [config.json, model.safetensors]}\n",
    );
    const run = await sandbox.run([...demo, "--catalog", catalog, "--dry-run"]);
    expect(run.exitCode).toBe(0);
    const [plan] = run.events().filter((event) => event.type === "plan.ready");
    expect(plan?.models).toMatchObject([{ id: "mine", cachedBytes: 0 }]);
  });
});
