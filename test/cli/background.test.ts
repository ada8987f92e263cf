import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startHub, type EmbeddedHub } from "../../src/demo/hub/hub.ts";
import type { TimedEvent } from "../../src/run/event.ts";
import { keys, type Pty } from "../terminal/pty.ts";
import { ended, isRunning, keptRun, killLeft, seenRun } from "./background-scene.ts";
import { openHeros, type HerosPtyOptions } from "./heros-pty.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { catalogOf } from "./wrong-input.ts";

const token = "hf_good_token_1234";
const bytes = 3_000_000;
/** So slow that nothing ends before somebody looked. */
const slow = { bytesPerSecond: 50_000 };
const waiting = { timeout: 240_000, interval: 50 };

let sandbox: Sandbox;
let hub: EmbeddedHub;
const opened: Pty[] = [];

beforeEach(async () => {
  sandbox = await makeSandbox();
  hub = await startHub({
    tokens: { [token]: "ann" },
    repos: [
      {
        id: "demo/voice",
        access: "gated",
        readers: [token],
        files: [
          { path: "config.json", content: "{}" },
          { path: "model.safetensors", sizeBytes: bytes },
        ],
      },
    ],
    throttle: slow,
  });
});

afterEach(async () => {
  for (const pty of opened.splice(0)) pty.close();
  await killLeft(sandbox);
  await hub.close();
  await sandbox[Symbol.asyncDispose]();
});

async function pullArgs(): Promise<string[]> {
  const file = await sandbox.file("token", `${token}\n`);
  const catalog = await catalogOf(sandbox, "demo/voice");
  return ["pull", "--catalog", catalog, "--endpoint", hub.endpoint, "--token-file", file];
}

function open(args: readonly string[], options?: HerosPtyOptions): Pty {
  const pty = openHeros(sandbox, args, options);
  opened.push(pty);
  return pty;
}

/** A pull that is left in the background as soon as it has a part of its bytes. */
async function leavePull(): Promise<{ pid: number; page: string }> {
  const pty = open(await pullArgs());
  await pty.waitFor(/\d\/3\.00 MB/);
  // The token file is read once: what goes on has it from a pipe.
  await rm(join(sandbox.dir, "token"));
  pty.type("b");
  expect((await pty.exit).exitCode).toBe(0);
  const left = await keptRun(sandbox);
  if (left === null) throw new Error(pty.everything());
  return { pid: left.pid, page: pty.text() };
}

async function expectModel(): Promise<void> {
  const snapshots = join(sandbox.home, ".cache/huggingface/hub/models--demo--voice/snapshots");
  const [commit = ""] = await readdir(snapshots);
  expect((await stat(join(snapshots, commit, "model.safetensors"))).size).toBe(bytes);
}

/** What was received before is not asked for again; on a busy machine the rest may lie unread in a socket when a run stops. */
const mostSentBytes = bytes * 2;

describe("a run that is left in the background", () => {
  it("goes on without a terminal, is told by status, and followed by status --watch to its end", async () => {
    const { pid, page } = await leavePull();
    expect(page).toContain(`heros continues in the background (PID ${pid}).`);
    expect(page).toContain("heros status --watch");
    expect(page).toContain(`kill ${pid}`);

    await vi.waitFor(async () => {
      const progress = { totalBytes: bytes + 2 };
      expect(await seenRun(sandbox)).toMatchObject({
        command: "pull",
        pid,
        state: "running",
        stage: "download",
        progress,
      });
    }, waiting);
    expect((await sandbox.run(["status"])).stdout).toMatch(
      new RegExp(
        `heros pull \\(PID ${pid}\\), running for [^]*Downloading the models[^]*3\\.00 MB`,
      ),
    );
    // A session of its own, no terminal, and no token where others can see it.
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
    expect(fields.slice(2, 5)).toEqual([String(pid), String(pid), "0"]);
    for (const name of ["cmdline", "environ"]) {
      expect(await readFile(`/proc/${pid}/${name}`, "utf8")).not.toContain(token);
    }
    process.kill(pid, "SIGHUP");

    const watching = open(["status", "--watch"]);
    await watching.waitFor(/Downloading models[^]*s: stop/);
    hub.setThrottle({});
    expect((await watching.exit).exitCode).toBe(0);
    expect(watching.text()).toMatch(/voice: downloaded and verified\.[^]*Done in/);
    await ended(pid);
    await expectModel();
    expect(hub.sentBytes()).toBeLessThan(mostSentBytes);
    expect(await seenRun(sandbox)).toMatchObject({
      state: "ended",
      closing: { type: "run.succeeded" },
    });
    const record = await readFile((await keptRun(sandbox))?.record ?? "", "utf8");
    expect(record).not.toContain(token);
    const lines = record.trimEnd().split("\n");
    const [started] = lines.map((line) => JSON.parse(line) as TimedEvent);
    // The time that the run took before is its own.
    expect(started).toMatchObject({ type: "run.started" });
    expect(started?.at).toBeGreaterThan(200);
    expect(lines.filter((line) => line.includes("run.started"))).toHaveLength(1);
  });

  it("is looked away from with Ctrl-C and goes on, and s stops it", async () => {
    const { pid } = await leavePull();
    const first = open(["status", "--watch"]);
    await first.waitFor("s: stop");
    first.type(keys.ctrlC);
    expect((await first.exit).exitCode).toBe(130);
    expect(first.text()).toContain(`heros continues in the background (PID ${pid}).`);
    expect(await isRunning(pid)).toBe(true);

    const second = open(["status", "--watch"]);
    await second.waitFor("s: stop");
    second.type("s");
    await second.waitFor("Stop the run in the background?");
    second.type("y");
    expect((await second.exit).exitCode).toBe(130);
    expect(second.text()).toContain("Stopped.");
    await ended(pid);
    expect(await seenRun(sandbox)).toMatchObject({
      state: "ended",
      closing: { type: "run.cancelled" },
    });
  });

  it("is followed by a second run without a terminal, with its exit status", async () => {
    const { pid } = await leavePull();
    const args = await pullArgs();
    hub.setThrottle({});
    const run = await sandbox.run([...args, "--json"]);
    expect(run.exitCode).toBe(0);
    expect(run.events().map(({ type }) => type)).toContain("model.ready");
    expect(run.events().at(-1)).toMatchObject({ type: "run.succeeded", command: "pull" });
    await ended(pid);
    expect(hub.sentBytes()).toBeLessThan(mostSentBytes);
  });

  it("is stopped, where a person says so, and the second run goes on with its bytes", async () => {
    const { pid } = await leavePull();
    const pty = open(await pullArgs());
    await pty.waitFor(`already running in the background (PID ${pid}).`);
    hub.setThrottle({});
    pty.type("2");
    expect((await pty.exit).exitCode).toBe(0);
    expect(await isRunning(pid)).toBe(false);
    expect(pty.text()).toContain("voice: downloaded and verified.");
    expect(await keptRun(sandbox)).toBeNull();
    expect(hub.sentBytes()).toBeLessThan(mostSentBytes);
    await expectModel();
  });

  it("stays alone where the person wants nothing of it", async () => {
    const { pid } = await leavePull();
    const pty = open(await pullArgs(), { columns: 40, rows: 12 });
    await pty.waitFor("3. Leave it running");
    pty.type(keys.escape);
    expect((await pty.exit).exitCode).toBe(130);
    expect(await isRunning(pid)).toBe(true);
  });

  it("is told as cut short after kill -9, and the next run forgets it", async () => {
    const { pid } = await leavePull();
    process.kill(pid, "SIGKILL");
    await ended(pid);
    expect(await seenRun(sandbox)).toMatchObject({ pid, state: "lost", closing: null });
    const told = await sandbox.run(["status"]);
    expect(told.stdout).toContain("heros pull was interrupted.");
    hub.setThrottle({});
    const run = await sandbox.run([...(await pullArgs()), "--json"]);
    expect(run.exitCode).toBe(0);
    expect(await keptRun(sandbox)).toBeNull();
  });

  it("is no loss where it can't be started", async () => {
    await sandbox.file("home/.local/state/heros/logs", "in the way of the records");
    const pty = open(await pullArgs());
    await pty.waitFor("b: background");
    pty.type("b");
    expect((await pty.exit).exitCode).toBe(1);
    expect(pty.text()).toMatch(
      /could not continue in the background: [^]*(?:Nothing is lost|nothing is lost)/,
    );
    expect(pty.text()).toContain("Error code background.not_started, exit status 1.");
    expect(await keptRun(sandbox)).toBeNull();
  });

  it("is not taken for another process that has its number now", async () => {
    const run = {
      version: 1,
      pid: process.pid,
      startTicks: "1",
      bootId: "another",
      command: "pull",
      argv: ["pull"],
      startedAt: "2026-01-01T00:00:00.000Z",
      record: join(sandbox.dir, "nowhere.jsonl"),
    };
    await sandbox.file("home/.local/state/heros/background.json", JSON.stringify(run));
    expect(await seenRun(sandbox)).toMatchObject({ state: "lost", progress: null });
    hub.setThrottle({});
    expect((await sandbox.run([...(await pullArgs()), "--json"])).exitCode).toBe(0);
    expect(await keptRun(sandbox)).toBeNull();
  });
});
