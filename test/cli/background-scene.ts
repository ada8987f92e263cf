import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, vi } from "vitest";
import type { BackgroundSeen } from "../../src/run/events/reports.ts";
import type { Sandbox } from "./sandbox.ts";

/** What the sandbox's state folder says of a run in the background. */
export async function keptRun(sandbox: Sandbox): Promise<{ pid: number; record: string } | null> {
  const file = join(sandbox.home, ".local/state/heros/background.json");
  const text = await readFile(file, "utf8").catch(() => null);
  return text === null ? null : (JSON.parse(text) as { pid: number; record: string });
}

/** What `heros status --json` says of it. */
export async function seenRun(sandbox: Sandbox): Promise<BackgroundSeen | null> {
  const run = await sandbox.run(["status", "--json"]);
  const read = run.events().find((event) => event.type === "status.read");
  if (read === undefined) throw new Error(run.stdout + run.stderr);
  return read.background;
}

export function isRunning(pid: number): Promise<boolean> {
  return readFile(`/proc/${pid}/stat`, "utf8").then(
    (text) => !/\) [ZX] /.test(text),
    () => false,
  );
}

export async function ended(pid: number): Promise<void> {
  await vi.waitFor(async () => expect(await isRunning(pid)).toBe(false), {
    timeout: 240_000,
    interval: 20,
  });
}

/** At the end of a test, whatever became of it; nothing of it writes in the sandbox any more. */
export async function killLeft(sandbox: Sandbox): Promise<void> {
  const left = await keptRun(sandbox);
  if (left === null || !(await isHeros(left.pid))) return;
  process.kill(left.pid, "SIGKILL");
  await ended(left.pid);
}

/** A test may have written the number of a process that is not ours. */
async function isHeros(pid: number): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return words.includes("--in-background");
}
