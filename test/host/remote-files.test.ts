import { spawn } from "node:child_process";
import { constants } from "node:fs";
import fs, { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { listenForFiles } from "../../src/host/remote-files/listen.ts";
import { realFileLocks } from "../../src/host/file-locks.ts";
import { routeFiles } from "../../src/host/file-routes.ts";
import type { FileRoute } from "../../src/host/host.ts";
import { createHashing } from "../../src/store/hashing.ts";

/** A folder whose files another process opens, as it does in a container. */
async function openedFolder() {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-files-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const place = await listenForFiles();
  const child = spawn(process.execPath, [place.program, place.socketPath, folder], {
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill());
  const remote = await place.opened(new AbortController().signal);
  const locks = realFileLocks({ PATH: process.env["PATH"] });
  onTestFinished(() => locks.close());
  const routed = routeFiles(fs, locks);
  const made: string[] = [];
  const files = new Proxy(remote.files, {
    get(target, name) {
      made.push(String(name));
      return Reflect.get(target, name) as unknown;
    },
  });
  const route: FileRoute = { folder, ...remote, files, fileLocks: locks };
  routed.routes.add(route);
  return { folder, child, made, ...routed };
}

test("files below the folder are opened by the other process, and are what they would be here", async () => {
  const { folder, files, made } = await openedFolder();
  const at = (name: string): string => path.join(folder, name);
  await files.mkdir(at("blobs/deep"), { recursive: true });
  await files.writeFile(at("blobs/text"), "some text\n", { mode: 0o644 });
  await files.writeFile(at("blobs/bytes"), Buffer.from([0, 255, 10]));
  await files.symlink("blobs/text", at("link"));
  await files.rename(at("blobs/bytes"), at("renamed"));
  await files.utimes(at("renamed"), new Date(1000), new Date(2000));

  expect(await fs.readFile(at("link"), "utf8")).toBe("some text\n");
  expect(await files.readFile(at("link"), "utf8")).toBe("some text\n");
  expect(await files.readFile(at("renamed"))).toEqual(Buffer.from([0, 255, 10]));
  expect((await files.readdir(folder)).toSorted()).toEqual(["blobs", "link", "renamed"]);
  const entries = await files.readdir(at("blobs"), { withFileTypes: true });
  expect(entries.map((entry) => [entry.name, entry.parentPath, entry.isFile()])).toEqual(
    (await fs.readdir(at("blobs"), { withFileTypes: true })).map((entry) => [
      entry.name,
      entry.parentPath,
      entry.isFile(),
    ]),
  );
  expect(await files.readlink(at("link"))).toBe("blobs/text");
  expect(await files.realpath(at("link"))).toBe(await fs.realpath(at("blobs/text")));
  const [there, here] = [await files.lstat(at("link")), await fs.lstat(at("link"))];
  expect(there).toMatchObject({ ino: here.ino, dev: here.dev, mode: here.mode, size: here.size });
  expect(there.isSymbolicLink()).toBe(true);
  expect((await files.stat(at("renamed"))).mtimeMs).toBe(2000);
  expect((await files.statfs(folder)).bsize).toBe((await fs.statfs(folder)).bsize);
  expect(made).toEqual(expect.arrayContaining(["mkdir", "writeFile", "rename", "statfs"]));

  await expect(files.readFile(at("none"))).rejects.toMatchObject({
    code: "ENOENT",
    path: at("none"),
  });
  await expect(files.rename(at("renamed"), "/tmp/other")).rejects.toMatchObject({ code: "EXDEV" });
});

test("a file is written and read at any place of it, and read as a stream", async () => {
  const { folder, files } = await openedFolder();
  const file = path.join(folder, "partial");
  await using handle = await files.open(file, "wx+");
  await handle.truncate(6_000_000);
  const piece = Buffer.alloc(1_000_000, "ab");
  await Promise.all([
    handle.write(piece, 0, piece.length, 3_000_000),
    handle.write(piece, 10, 5, 0),
  ]);
  await handle.datasync();
  const read = Buffer.alloc(8);
  expect(await handle.read(read, 2, 4, 2_999_998)).toMatchObject({ bytesRead: 4 });
  expect(read).toEqual(Buffer.from([0, 0, 0, 0, 97, 98, 0, 0]));
  expect((await handle.stat()).size).toBe(6_000_000);
  const again = await files.open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  let count = 0;
  for await (const bytes of again.createReadStream({ start: 1, highWaterMark: 1 << 20 })) {
    count += (bytes as Buffer).length;
  }
  expect(count).toBe(5_999_999);
});

test("files are hashed where they are", async () => {
  const { folder, files, routes } = await openedFolder();
  const file = path.join(folder, "abc");
  await files.writeFile(file, "abc");
  const hashing = createHashing(routes);
  onTestFinished(() => hashing.close());
  const following = hashing.start({ path: file, sizeBytes: 3, gitSha1: false });
  following.follow(3);
  expect((await following.digests).sha256).toMatch(/^ba7816bf8f01cfea/);
});

test("once the other process has ended, every call says so", async () => {
  const { folder, files, child } = await openedFolder();
  await files.stat(folder);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await ended;
  await expect(files.stat(folder)).rejects.toMatchObject({ code: "EIO" });
});
