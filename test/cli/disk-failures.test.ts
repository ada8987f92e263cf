import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { EmbeddedHub } from "../../src/demo/hub/hub.ts";
import { mountMemory, remount } from "../host/mounted.ts";
import type { Sandbox } from "./sandbox.ts";
import { catalogOf, failureOf, openHosted } from "./wrong-input.ts";

let sandbox: Sandbox;
let hub: EmbeddedHub;

beforeEach(async () => {
  ({ sandbox, hub } = await openHosted());
});

async function pull(cacheDir: string, limit?: string) {
  const catalog = await catalogOf(sandbox, "demo/voice");
  const where = ["--catalog", catalog, "--endpoint", hub.endpoint, "--cache-dir", cacheDir];
  const options = limit === undefined ? {} : { limit };
  return failureOf(await sandbox.run(["pull", ...where, "--json"], options));
}

it("a file that is larger than the system allows is no bug", async () => {
  // Of 512 bytes in one shell, of 1024 in another.
  expect(await pull(`${sandbox.dir}/cache`, "-f 1000")).toMatchObject({
    code: "disk.file_too_large",
    exitCode: 7,
  });
});

// Where it runs out differs: at a connection, at the lock's helper, at a thread.
it.each([28, 32])("a limit of %i open files is no bug", async (count) => {
  expect(await pull(`${sandbox.dir}/cache`, `-n ${count}`)).toMatchObject({
    code: "files.too_many_open",
    exitCode: 1,
  });
});

it("a name that is too long is no bug", async () => {
  expect(await pull(`${sandbox.dir}/${"x".repeat(260)}`)).toMatchObject({
    code: "path.too_long",
    exitCode: 1,
  });
});

describe("a cache behind a link to a disk that is not mounted", () => {
  it("is neither made nor taken for an empty one", async () => {
    const link = join(sandbox.dir, "cache");
    const gone = join(sandbox.dir, "gone/hub");
    await symlink(gone, link);
    const failure = await pull(link);
    expect(failure).toMatchObject({ code: "cache.broken_link", exitCode: 1 });
    expect(failure.message).toContain(gone);
    expect(hub.sentBytes()).toBe(0);
    for (const action of ["ls", "verify", "repair", "prune"]) {
      const run = await sandbox.run(["models", action, "--cache-dir", link, "--json"]);
      expect(failureOf(run)).toMatchObject({ code: "cache.broken_link" });
    }
    expect(await readdir(sandbox.dir)).not.toContain("gone");
  });
});

describe("a disk of its own", () => {
  it("that is read-only is told before the first byte, and is good enough for a cache that has everything", async ({
    skip,
  }) => {
    const folder = join(sandbox.dir, "disk");
    await mkdir(folder);
    const catalog = await catalogOf(sandbox, "demo/voice");
    const args = ["--catalog", catalog, "--endpoint", hub.endpoint, "--cache-dir", folder];
    if (!(await mountMemory(folder, "size=100m"))) skip();
    await remount(folder, "ro");
    expect(await pull(folder)).toMatchObject({ code: "disk.read_only", exitCode: 1 });
    expect(hub.sentBytes()).toBe(0);
    await remount(folder, "rw");
    expect((await sandbox.run(["pull", ...args])).exitCode).toBe(0);
    await remount(folder, "ro");
    expect((await sandbox.run(["pull", ...args])).exitCode).toBe(0);
  });

  it("that is small is not charged to the larger one around it", async ({ skip }) => {
    const folder = join(sandbox.dir, "disk");
    await mkdir(folder);
    if (!(await mountMemory(folder, "size=4m"))) skip();
    expect(await pull(join(folder, "hub"))).toMatchObject({ code: "disk.too_small", exitCode: 7 });
    const run = await sandbox.run(["doctor", "--cache-dir", join(folder, "hub"), "--json"]);
    const machine = run.events().find((event) => event.type === "machine.detected");
    expect(machine).toMatchObject({
      disks: [{ purpose: "models", totalBytes: 4 * 1024 ** 2 }, {}, {}],
    });
  });
});
