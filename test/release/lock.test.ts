import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { realFileLocks } from "../../src/host/file-locks.ts";
import { realHost } from "../../src/host/real-host.ts";
import { lockOf, withLock } from "../../src/release/installation.ts";
import type { HerosEvent } from "../../src/run/event.ts";

async function makeWorld() {
  const data = await mkdtemp(join(tmpdir(), "heros-lock-"));
  const other = realFileLocks(process.env);
  const facts = { env: process.env, home: data, cwd: data, pid: process.pid };
  const host = realHost({ ...facts, platform: "linux", nodeArch: process.arch });
  onTestFinished(async () => {
    other.close();
    host.fileLocks.close();
    await rm(data, { recursive: true });
  });
  const events: HerosEvent[] = [];
  const emit = (event: HerosEvent) => void events.push(event);
  return { data, other, host, events, emit, signal: new AbortController().signal };
}

test("a second installation waits for the first, and says for whom", async () => {
  const { data, other, host, events, emit, signal } = await makeWorld();
  expect(await other.acquire(lockOf(data))).toBe("held");
  let rounds = 0;
  const clock = {
    ...host.clock,
    sleep: async () => {
      rounds += 1;
      if (rounds === 3) other.release(lockOf(data));
      // The one that holds it hears of it in another process.
      await host.clock.sleep(5);
    },
  };
  const locking = { host: { ...host, clock }, emit, signal };
  expect(await withLock(locking, lockOf(data), () => Promise.resolve("done"))).toBe("done");
  expect(rounds).toBeGreaterThanOrEqual(3);
  expect(events).toEqual([
    expect.objectContaining({
      code: "release.waiting",
      message: expect.stringMatching(
        /^Waiting for another installation \(heros, process \d+\)/,
      ) as string,
    }),
  ]);
});

test("one that does not end is named, and not waited for any longer than a minute", async () => {
  const { data, other, host, emit, signal } = await makeWorld();
  await other.acquire(lockOf(data));
  let nowMs = 0;
  const clock = {
    ...host.clock,
    monotonicMs: () => nowMs,
    sleep: (ms: number) => {
      nowMs += 50 * ms;
      return Promise.resolve();
    },
  };
  const locking = { host: { ...host, clock }, emit, signal };
  await expect(withLock(locking, lockOf(data), () => Promise.resolve())).rejects.toMatchObject({
    code: "release.busy",
    message: expect.stringMatching(/\(heros, process \d+\)\.$/) as string,
  });
});
