import { existsSync } from "node:fs";
import { mkdir, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { findLockHolder } from "../../../src/store/contents.ts";
import {
  foldersOf,
  lockPath,
  placesOf,
  type RepoPlaces,
} from "../../../src/store/hub-cache/layout.ts";
import { planPrune, prune, type PruneRepo } from "../../../src/store/hub-cache/prune.ts";
import type { HerosEvent } from "../../../src/run/event.ts";
import { realFileLocks } from "../../../src/host/file-locks.ts";
import { model, openScene, type Scene } from "../../download/scene.ts";

const repo = "demo/voice";
const [wantedName, strangeName] = ["a".repeat(64), "b".repeat(64)];
const signal = new AbortController().signal;
let scene: Scene;
let places: RepoPlaces;

beforeEach(async () => {
  scene = await openScene({
    repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes: 100_000 }] }],
  });
  await scene.pull([model("voice", repo)]);
  places = placesOf(scene.cacheDir, repo);
  await locksAreFree();
});

afterEach(() => scene[Symbol.asyncDispose]());

/** Ends once the process that held our locks has heard that they are given back: on a busy machine that takes a while. */
async function locksAreFree(): Promise<void> {
  const look = async (): Promise<void> => {
    for (const name of await readdir(places.locks).catch(() => [])) {
      expect(await findLockHolder(scene.host.files, join(places.locks, name))).toBeNull();
    }
  };
  await vi.waitFor(look, { timeout: 240_000, interval: 20 });
}

/** A file in the blobs folder, as old as that. */
async function leave(name: string, { hours = 0 } = {}): Promise<string> {
  const file = join(places.blobs, name);
  await writeFile(file, "left over");
  const then = new Date(Date.now() - hours * 3_600_000);
  await utimes(file, then, then);
  return file;
}

function plan(repos: readonly PruneRepo[] = [{ repo, wanted: new Set([wantedName]) }]) {
  return planPrune({ host: scene.host, cacheDir: scene.cacheDir, repos, signal });
}

async function remove() {
  const { files } = await plan();
  const { host, cacheDir } = scene;
  const emit = (event: HerosEvent) => scene.events.push(event);
  const done = await prune({ host, cacheDir, files, emit, signal });
  await locksAreFree();
  return done;
}

test("finds nothing in a cache where everything is linked or wanted", async () => {
  await leave(wantedName);
  await leave(`${wantedName}.heros-partial`);
  await leave(`${wantedName}.heros-journal`);
  await leave("notes.txt", { hours: 100 });
  expect(await plan()).toEqual({ files: [], kept: [] });
});

test("removes what is left over, tells each, and leaves the rest", async () => {
  const left = [
    await leave(strangeName),
    await leave(`${strangeName}.heros-partial`),
    await leave(`${strangeName}.heros-journal`),
    await leave(`${wantedName}.heros-journal`),
    await leave(`${wantedName}.heros-damaged`),
    await leave(`${wantedName}.0a1b2c3d.incomplete`, { hours: 25 }),
  ];
  const before = await readdir(places.snapshots, { recursive: true });
  const { files, kept } = await remove();
  expect(kept).toEqual([]);
  expect(files.map(({ file }) => file).toSorted()).toEqual(left.toSorted());
  expect(scene.of("file.removed")).toHaveLength(left.length);
  expect(left.filter((file) => existsSync(file))).toEqual([]);
  expect(await readdir(places.snapshots, { recursive: true })).toEqual(before);
  expect((await scene.survey([model("voice", repo)])).neededBytes).toBe(0);
});

test("leaves another program's unfinished file that is younger than a day", async () => {
  const file = await leave(`${strangeName}.incomplete`, { hours: 23 });
  expect(await plan()).toMatchObject({ files: [], kept: [{ file }] });
});

test("leaves what is behind a lock that another process holds", async () => {
  const file = await leave(`${strangeName}.heros-partial`);
  const blob = await leave("c".repeat(64));
  const { files: found } = await plan();
  expect(found.map((each) => each.file)).toEqual([file, blob]);
  const others = realFileLocks(process.env);
  try {
    await mkdir(places.locks, { recursive: true });
    expect(await others.acquire(lockPath(places, strangeName))).toBe("held");
    const { files, kept } = await plan();
    expect(files).toEqual([]);
    expect(kept.map((each) => each.file)).toEqual([file, blob]);
    const { host, cacheDir } = scene;
    const late = await prune({ host, cacheDir, files: found.slice(0, 1), emit: () => {}, signal });
    const reason = "another program is using it";
    expect(late).toMatchObject({ files: [], kept: [{ file, reason }] });
    expect(existsSync(file)).toBe(true);
  } finally {
    others.close();
  }
});

test("leaves blobs alone where it is not known what the catalog needs, or what a snapshot links to", async () => {
  const blob = await leave(strangeName);
  expect(await plan([{ repo, wanted: null }])).toMatchObject({ files: [], kept: [{ file: blob }] });
  await symlink(scene.cacheDir, join(places.snapshots, "elsewhere"));
  expect(await plan()).toEqual({ files: [], kept: [] });
});

test("looks at no other repository", async () => {
  const other = placesOf(scene.cacheDir, "somebody/else");
  await mkdir(other.blobs, { recursive: true });
  await writeFile(join(other.blobs, strangeName), "theirs");
  expect((await plan()).files).toEqual([]);
});

test("removes what a killed heros left of a snapshot, and nothing of one that lives", async () => {
  await mkdir(join(places.root, ".heros-999999999-snapshot"));
  await mkdir(join(places.root, `.heros-${process.pid}-snapshot`));
  expect((await plan()).files).toMatchObject([{ kind: "transient" }]);
  await remove();
  expect((await readdir(places.root)).filter((name) => name.startsWith(".heros"))).toEqual([
    `.heros-${process.pid}-snapshot`,
  ]);
});

test.each(["root", "blobs", "staging"] as const)("follows no link at %s", async (name) => {
  const folder = name === "staging" ? places.staging : places.blobs;
  await mkdir(folder, { recursive: true });
  const elsewhere = join(scene.folder, "elsewhere");
  await rm(places[name], { recursive: true });
  await mkdir(name === "root" ? join(elsewhere, "blobs") : elsewhere, { recursive: true });
  await symlink(elsewhere, places[name]);
  await writeFile(join(folder, strangeName), "mine");
  const { files, kept } = await plan();
  expect(files).toEqual([]);
  expect(kept.map(({ file }) => file)).toEqual([folder]);
});

test("removes nothing where a folder became a link after it looked", async () => {
  const name = `${strangeName}.heros-partial`;
  await leave(name);
  const { files } = await plan();
  expect(files).toHaveLength(1);
  const elsewhere = join(scene.folder, "elsewhere");
  await mkdir(elsewhere);
  await writeFile(join(elsewhere, name), "mine");
  await rm(places.blobs, { recursive: true });
  await symlink(elsewhere, places.blobs);
  const { host, cacheDir } = scene;
  const done = await prune({ host, cacheDir, files, emit: () => {}, signal });
  expect(done).toMatchObject({ files: [], kept: [{ file: join(places.blobs, name) }] });
  expect(existsSync(join(elsewhere, name))).toBe(true);
});

test("looks at what is not whole yet: what is wanted stays, the rest goes, and with it an empty folder", async () => {
  await rm(places.root, { recursive: true });
  const assembled = foldersOf(places.assembly);
  await mkdir(assembled.blobs, { recursive: true });
  await mkdir(assembled.refs);
  const stay = [wantedName, `${wantedName}.heros-partial`, `${wantedName}.heros-journal`];
  const go = [strangeName, `${strangeName}.heros-partial`, `${wantedName}.heros-copy`];
  for (const name of [...stay, ...go]) await writeFile(join(places.staging, name), "left over");
  await writeFile(join(assembled.blobs, "c".repeat(64)), "left over");
  await remove();
  expect((await readdir(places.staging)).toSorted()).toEqual([...stay, "assembly"].toSorted());
  await remove();
  expect((await readdir(places.staging)).toSorted()).toEqual(stay.toSorted());
  await planAll();
  expect(existsSync(join(scene.cacheDir, ".heros"))).toBe(false);

  /** As for a catalog that wants none of it. */
  async function planAll(): Promise<void> {
    const { files } = await plan([{ repo, wanted: new Set() }]);
    const { host, cacheDir } = scene;
    await prune({ host, cacheDir, files, emit: () => {}, signal });
  }
});
