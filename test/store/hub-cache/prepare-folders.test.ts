import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  chown,
  lchown,
  link,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  journalPath,
  lockPath,
  partialPath,
  placesOf,
  type RepoPlaces,
} from "../../../src/store/hub-cache/layout.ts";
import { openCache, requireLinks } from "../../../src/store/hub-cache/prepare.ts";
import { encodeLine } from "../../../src/store/partial.ts";
import { readBootId } from "../../../src/host/process-table.ts";
import type { Files } from "../../../src/host/host.ts";
import { expectWhole, files, models, repo, weights } from "../../download/one-model.ts";
import { openScene, type Scene } from "../../download/scene.ts";

/** What somebody who may write to the cache does, and a file of the user's that must not change. */
let scene: Scene;
let places: RepoPlaces;
let blobName: string;
let mine: string;
const content = Buffer.alloc(weights.sizeBytes, 7);
const somebody = 12_345;

beforeEach(async () => {
  scene = await openScene({ repos: [{ id: repo, files }] });
  places = placesOf(scene.cacheDir, repo);
  ({ blobName } = await scene.served.file(repo, weights.path).identify());
  mine = join(scene.folder, "mine");
  await writeFile(mine, content);
  await mkdir(places.staging, { recursive: true });
  await mkdir(places.locks, { recursive: true });
});
afterEach(() => scene[Symbol.asyncDispose]());

/** Says that the first bytes of the partial are there, so that heros goes on with it. */
async function forgeJournal(path = journalPath(places, blobName)): Promise<void> {
  const written = [{ start: 0, end: 1000 }];
  const state = { blobName, sizeBytes: weights.sizeBytes, written, synced: written };
  await writeFile(path, encodeLine(state, await readBootId(scene.host.files)));
}

async function expectUntouched(): Promise<void> {
  expect((await readFile(mine)).equals(content)).toBe(true);
}

async function expectPulled(): Promise<void> {
  await scene.pull(models);
  await expectUntouched();
  await expectWhole(scene);
}

async function resumedBytes(): Promise<number> {
  return (await scene.survey(models)).resumedBytes;
}

describe("a partial", () => {
  test("that is a second name of another file is not written", async () => {
    await link(mine, partialPath(places, blobName));
    await forgeJournal();
    expect(await resumedBytes()).toBe(0);
    await expectPulled();
  });

  test("that is a link is not written through", async () => {
    await symlink(mine, partialPath(places, blobName));
    await forgeJournal();
    expect(await resumedBytes()).toBe(0);
    await expectPulled();
  });

  test("that becomes a link before it is opened is not written through", async () => {
    const partial = partialPath(places, blobName);
    await writeFile(partial, content);
    await forgeJournal();
    const { host } = scene;
    const open: Files["open"] = async (path, ...rest) => {
      if (String(path) === partial && !existsSync(`${mine}-turned`)) {
        await writeFile(`${mine}-turned`, "");
        await rm(partial);
        await symlink(mine, partial);
      }
      return host.files.open(path, ...rest);
    };
    expect(await resumedBytes()).toBe(1000);
    await scene.pull(models, { host: { ...host, files: { ...host.files, open } } });
    await expectUntouched();
    await expectWhole(scene);
  });

  test("of another user is not gone on with", async ({ skip }) => {
    const partial = partialPath(places, blobName);
    await writeFile(partial, content);
    await forgeJournal();
    await chown(partial, somebody, somebody).catch(() => skip("only root may give files away"));
    expect(await resumedBytes()).toBe(0);
    await expectPulled();
  });

  test("of a former heros is looked at as closely", async () => {
    await mkdir(places.blobs, { recursive: true });
    await link(mine, join(places.blobs, `${blobName}.heros-partial`));
    await forgeJournal(join(places.blobs, `${blobName}.heros-journal`));
    expect(await resumedBytes()).toBe(0);
    await expectPulled();
  });
});

describe("a journal", () => {
  test.each([
    ["a link", symlink],
    ["a second name of another file", link],
  ])("that is %s is not written", async (_, make) => {
    await writeFile(partialPath(places, blobName), content);
    await writeFile(mine, "");
    await forgeJournal(mine);
    const before = await readFile(mine);
    await make(mine, journalPath(places, blobName));
    await make(mine, `${journalPath(places, blobName)}.new`);
    expect(await resumedBytes()).toBe(0);
    await scene.pull(models);
    expect((await readFile(mine)).equals(before)).toBe(true);
    await expectWhole(scene);
  });
});

describe("a lock", () => {
  const acquire = () => scene.host.fileLocks.acquire(lockPath(places, blobName));

  test("that is a link is not followed, and makes no file where it leads", async () => {
    const target = join(scene.folder, "made");
    await symlink(target, lockPath(places, blobName));
    expect(await acquire()).toBe("unavailable");
    expect(existsSync(target)).toBe(false);
    await expectPulled();
  });

  test("that is a second name of another file is not taken", async () => {
    await link(mine, lockPath(places, blobName));
    expect(await acquire()).toBe("unavailable");
  });

  test("that is a folder or of another user is not taken, and one of the folder's owner is", async ({
    skip,
  }) => {
    const lock = lockPath(places, blobName);
    await mkdir(lock);
    expect(await acquire()).toBe("unavailable");
    await rm(lock, { recursive: true });
    await writeFile(lock, "");
    await chown(lock, somebody, somebody).catch(() => skip("only root may give files away"));
    expect(await acquire()).toBe("unavailable");
    await chown(places.locks, somebody, somebody);
    expect(await acquire()).toBe("held");
  });
});

describe("a folder", () => {
  const folders = ["root", "blobs", "snapshots", "refs", "staging", "locks"] as const;

  /** A link to a folder of the user's, in the place of one of the cache's. */
  async function turn(name: (typeof folders)[number]): Promise<string> {
    const place = places[name];
    await rm(place, { recursive: true, force: true });
    await mkdir(dirname(place), { recursive: true });
    const elsewhere = join(scene.folder, `${name}-elsewhere`);
    await mkdir(elsewhere);
    await symlink(elsewhere, place);
    return place;
  }

  test.for(folders)(
    "%s that somebody else turned into a link gets no file",
    async (name, { skip }) => {
      const place = await turn(name);
      await lchown(place, somebody, somebody).catch(() => skip("only root may give files away"));
      await expect(scene.pull(models)).rejects.toMatchObject({
        code: "cache.foreign_link",
        exitCode: 1,
      });
      expect(await readdir(join(scene.folder, `${name}-elsewhere`))).toEqual([]);
    },
  );

  test.each(folders)("%s that the user made a link is used through it", async (name) => {
    await turn(name);
    await scene.pull(models);
    expect(scene.of("model.ready")).toHaveLength(1);
    expect((await scene.survey(models)).neededBytes).toBe(0);
  });

  test("that is a link to nothing is named", async () => {
    await mkdir(places.root, { recursive: true });
    await symlink(join(scene.folder, "unmounted"), places.blobs);
    await expect(scene.pull(models)).rejects.toMatchObject({
      code: "cache.broken_link",
      exitCode: 1,
    });
  });
});

describe("what the cache has of a branch", () => {
  test.each([
    ["a pipe", (ref: string) => Promise.resolve(void execFileSync("mkfifo", [ref]))],
    ["a link to what has no end", (ref: string) => symlink("/dev/zero", ref)],
    ["a link to a file", (ref: string) => symlink(mine, ref)],
  ])("is not read from %s, with the Hub or without", async (_what, lay) => {
    const ref = join(places.refs, "main");
    await mkdir(places.refs, { recursive: true });
    await lay(ref);
    const away = scene.hub({ offline: true });
    await expect(scene.survey(models, away)).rejects.toMatchObject({ code: "hub.offline" });
    await expectPulled();
    expect(await readFile(ref, "utf8")).toBe(scene.served.commit(repo));
  });
});

test("where nothing is to be downloaded, no folder is made", async () => {
  const cacheDir = join(scene.folder, "not-there");
  expect((await openCache(scene.host.files, cacheDir, [])).size).toBe(0);
  expect(existsSync(cacheDir)).toBe(false);
});

test("a cache without links is told, another run's trial of them is not", async () => {
  const { host, cacheDir } = scene;
  const requireWith = (code: string) => {
    const symlinkFails = async (): Promise<never> => {
      throw Object.assign(new Error(code), { code });
    };
    return requireLinks({ ...host, files: { ...host.files, symlink: symlinkFails } }, cacheDir);
  };
  await mkdir(cacheDir, { recursive: true });
  await expect(requireWith("EPERM")).rejects.toMatchObject({ code: "cache.no_symlinks" });
  await expect(requireWith("EEXIST")).resolves.toBeUndefined();
});
