import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { realFileLocks } from "../../src/host/file-locks.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heros-locks-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("a lock is held against another holder until it is released", async () => {
  const path = join(folder, "a b'.lock");
  const first = realFileLocks(process.env);
  const second = realFileLocks(process.env);
  expect(await first.acquire(path)).toBe("held");
  expect(await second.acquire(path)).toBe("busy");
  first.release(path);
  // The helper reads its lines in order: once it has answered this, the release is done.
  await first.acquire(join(folder, "other.lock"));
  expect(await second.acquire(path)).toBe("held");
  first.close();
  second.close();
});

test("util-linux flock, and so every flock(2) program, sees the lock", async () => {
  const path = join(folder, "blob.lock");
  const locks = realFileLocks(process.env);
  expect(await locks.acquire(path)).toBe("held");
  expect((await stat(path)).mode & 0o777).toBe(0o664);
  const taken = once(spawn("flock", ["-n", path, "true"]), "exit");
  await expect(taken).resolves.toEqual([1, null]);
  locks.close();
});

test("without perl, and for a folder that is not there, the answer is unavailable", async () => {
  const locks = realFileLocks({ PATH: "/nowhere" });
  expect(await locks.acquire(join(folder, "a.lock"))).toBe("unavailable");
  expect(await locks.acquire(join(folder, "b.lock"))).toBe("unavailable");
  const real = realFileLocks(process.env);
  expect(await real.acquire(join(folder, "missing", "a.lock"))).toBe("unavailable");
  real.close();
});
