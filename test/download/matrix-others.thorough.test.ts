import { mkdir } from "node:fs/promises";
import process from "node:process";
import { expect, test } from "vitest";
import { readBytes } from "../../src/demo/hub/content.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { lockPath, partialPaths, placesOf } from "../../src/store/hub-cache/layout.ts";
import { openPartial } from "../../src/store/partial.ts";
import { realFileLocks } from "../../src/host/file-locks.ts";
import { openWorld, repo, type World, worldRepos } from "./matrix.ts";
import { expectWhole } from "./matrix-checks.ts";
import { type Cell, crossOut } from "./matrix-table.ts";
import { readBootId } from "../../src/host/process-table.ts";

/** Another process has its part in it: the server, or a second heros. */
interface Row {
  readonly name: string;
  readonly told: "download.retrying" | "download.blocked";
  /** Runs heros to its end; resolves with the bytes of the set that need not come. */
  readonly run: (world: World, cell: Cell<Row>) => Promise<number>;
}

/** The server goes away with the struck answer, and comes back at its old address, with new ones for its content. */
async function restart(world: World, { amount }: Cell<Row>): Promise<number> {
  const { served } = world.scene;
  const port = Number(new URL(served.endpoint).port);
  const next: Promise<EmbeddedHub>[] = [];
  await world.pull({
    onEvent({ type }) {
      if (type !== "download.retrying" || world.hits() === 0) return;
      if (next.length > 0) return;
      next.push(served.close().then(() => startHub({ repos: worldRepos(amount), port })));
    },
  });
  for (const hub of next) await (await hub).close();
  return 0;
}

/** A second heros holds the file's lock; when it is gone, its partial holds all before the struck byte. */
async function takeOver(world: World, { moment }: Cell<Row>): Promise<number> {
  const { scene, spot, host } = world;
  const places = placesOf(scene.cacheDir, repo);
  const lock = lockPath(places, spot.blobName);
  await mkdir(places.locks, { recursive: true });
  await mkdir(places.staging, { recursive: true });
  const [mine, other] = [realFileLocks(process.env), realFileLocks(process.env)];
  expect(await other.acquire(lock)).toBe("held");
  const heldBytes = moment === "during verification" ? spot.sizeBytes : spot.at;
  const large = spot.sizeBytes > 16 * 1024;
  if (large && heldBytes > 0) {
    const { source } = scene.served.file(repo, spot.path);
    const partial = await openPartial(host.files, partialPaths(places, spot.blobName), spot, {
      bootId: await readBootId(host.files),
      noteBytes: 0,
    });
    await partial.write(readBytes(source, 0, heldBytes), 0);
    await partial.close();
  }
  await world.pull({
    host: { ...host, fileLocks: mine },
    onEvent({ type }) {
      if (type === "download.blocked") other.close();
    },
  });
  return large ? heldBytes : 0;
}

const rows: readonly Row[] = [
  { name: "the server restarts", told: "download.retrying", run: restart },
  { name: "another heros holds the lock", told: "download.blocked", run: takeOver },
];
const { cells, pass } = crossOut(rows);

test.concurrent.each(cells)("$title: waited for", async (cell) => {
  const { row, moment, amount } = cell;
  const restarts = row.run === restart;
  await using world = await openWorld({
    // A lock is waited for without a fault, so that nothing needs to be fetched again.
    moment: restarts || moment !== "during verification" ? moment : "first byte",
    amount,
    target: "any",
    strike({ scene, before }) {
      if (restarts) void scene.served.close();
      return restarts ? { stallAfterBytes: before } : undefined;
    },
  });
  const heldBytes = await row.run(world, cell);
  expect(world.scene.of(row.told).length).toBeGreaterThan(0);
  await expectWhole(world, amount);
  const twice = world.receivedBytes() + heldBytes - world.totalBytes;
  const compared = restarts && moment === "during verification" ? world.spot.sizeBytes : 0;
  expect(twice, "bytes twice").toBeGreaterThanOrEqual(0);
  expect(twice, "bytes twice").toBeLessThanOrEqual(compared + world.smallBytes);
  pass(cell, `the right bytes, ${twice} of ${world.totalBytes} twice`);
});
