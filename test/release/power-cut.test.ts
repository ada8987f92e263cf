import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Files } from "../../src/host/host.ts";
import { realHost } from "../../src/host/real-host.ts";
import { install, rollBack } from "../../src/release/install.ts";
import { placesFor } from "../../src/release/installation.ts";
import { readTree } from "../../src/release/tree.ts";
import { ReleaseWorld } from "./release-world.ts";

/** The same files, and a list of what was synced and what was renamed to what, in order. */
function watched(files: Files, log: string[]): Files {
  return {
    ...files,
    async open(path, ...more) {
      const handle = await files.open(path, ...more);
      const sync = handle.sync.bind(handle);
      handle.sync = async () => {
        await sync();
        log.push(`sync ${String(path)}`);
      };
      return handle;
    },
    async rename(from, to) {
      await files.rename(from, to);
      log.push(`rename ${String(to)}`);
    },
  };
}

test("a version is on the disk, whole, before a link leads to it, and the link before anything else", async () => {
  const world = await ReleaseWorld.make();
  onTestFinished(() => world.remove());
  const facts = { env: { ...process.env, HOME: world.home }, home: world.home, cwd: world.root };
  const real = realHost({ ...facts, pid: process.pid, platform: "linux", nodeArch: process.arch });
  onTestFinished(() => real.fileLocks.close());
  const log: string[] = [];
  const host = { ...real, files: watched(real.files, log) };
  const installing = { host, emit: () => {}, signal: new AbortController().signal };
  const places = placesFor(host, null);

  for (const version of ["1.0.0", "1.1.0"]) {
    log.length = 0;
    const tree = await readTree(host, await world.unpack(version));
    await install(installing, tree, places);
    const folder = join(world.data, "versions", version);
    const switched = log.indexOf(`rename ${join(world.data, "current")}`);
    const synced = new Set(log.slice(0, switched));
    const inside = await readdir(folder, { recursive: true });
    // What Node compiles for itself has a checksum.
    const needed = inside.filter((name) => !name.includes("node_modules"));
    expect(needed.length).toBeGreaterThan(50);
    const expected = [...needed.map((name) => join(folder, name)), folder, dirname(folder)];
    expect(expected.filter((each) => !synced.has(`sync ${each}`))).toEqual([]);
    expect(log[switched + 1]).toBe(`sync ${world.data}`);
  }

  log.length = 0;
  await rollBack(installing, world.data);
  const links = log.filter((line) => line.startsWith("rename") || line === `sync ${world.data}`);
  expect(links).toEqual(
    ["current", "previous"].flatMap((name) => [
      `rename ${join(world.data, name)}`,
      `sync ${world.data}`,
    ]),
  );
});
