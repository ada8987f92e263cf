import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import {
  deviceNumberOf,
  fileSystemOf,
  findOnPath,
  folderOfVariable,
  isThere,
  parseMountTable,
  lookAtPlace,
} from "../../src/host/places.ts";
import { testHost } from "../machine/test-host.ts";
import { mountMemory } from "./mounted.ts";

const host = testHost();
let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "heros-place-"));
  onTestFinished(async () => rm(root, { recursive: true }));
});

it("only what a path leads to is there", async () => {
  await symlink(path.join(root, "gone"), path.join(root, "dangling"));
  await symlink(root, path.join(root, "link"));
  const found = ["link", "dangling", "gone"].map((name) => isThere(host, path.join(root, name)));
  expect(await Promise.all(found)).toEqual([true, false, false]);
});

it("a program is the first of its name on the PATH, of whose folders only absolute ones count", async () => {
  for (const folder of ["one", "two"]) {
    await mkdir(path.join(root, folder));
    await writeFile(path.join(root, folder, "docker"), "");
  }
  const relative = path.relative("", path.join(root, "one"));
  const folders = ["none", "two", "one"].map((name) => path.join(root, name));
  const env = { PATH: [relative, "", ...folders].join(":") };
  const { files } = host;
  expect(await findOnPath({ files, env }, "docker")).toBe(path.join(root, "two/docker"));
  expect(await findOnPath({ files, env }, "podman")).toBeNull();
  expect(await findOnPath({ files, env: {} }, "docker")).toBeNull();
});

it.each([
  [{ XDG_DATA_HOME: "/data" }, "/data"],
  [{ XDG_DATA_HOME: "data" }, "/home/annie/.local/share"],
  [{ XDG_DATA_HOME: "" }, "/home/annie/.local/share"],
  [{}, "/home/annie/.local/share"],
])("with %j a folder is %s", (env, folder) => {
  const place = { env, home: "/home/annie" };
  expect(folderOfVariable(place, "XDG_DATA_HOME", ".local/share")).toBe(folder);
});

describe("a place", () => {
  it("that is not there yet is looked for upwards, links followed, and nothing is made", async () => {
    await mkdir(path.join(root, "disk"));
    await symlink(path.join(root, "disk"), path.join(root, "cache"));
    const place = await lookAtPlace(host, path.join(root, "cache", "hub", "deep"));
    expect(place).toMatchObject({
      existing: path.join(root, "disk"),
      isThere: false,
      isFolder: true,
      dangling: null,
      refusal: null,
    });
    expect(place.totalBytes).toBeGreaterThan(place.freeBytes ?? Infinity);
    expect(place.fileSystem?.mount).toMatch(/^\//);
    expect(await readdir(path.join(root, "disk"))).toEqual([]);
  });

  it("may be a file", async () => {
    await writeFile(path.join(root, "file"), "");
    expect(await lookAtPlace(host, path.join(root, "file", "hub"))).toMatchObject({
      existing: path.join(root, "file"),
      isFolder: false,
    });
  });

  it.each(["cache", "cache/hub/deep"])(
    "may be, as %s, behind a link that leads nowhere",
    async (folder) => {
      await symlink("gone/away", path.join(root, "cache"));
      expect(await lookAtPlace(host, path.join(root, folder))).toMatchObject({
        dangling: { link: path.join(root, "cache"), target: path.join(root, "gone/away") },
        isThere: false,
      });
    },
  );

  it("has the space of its own file system, not of the one around it", async ({ skip }) => {
    const folder = path.join(root, "in memory");
    await mkdir(folder);
    if (!(await mountMemory(folder, "size=4m"))) skip();
    const place = await lookAtPlace(host, path.join(folder, "hub"));
    expect(place).toMatchObject({
      totalBytes: 4 * 1024 ** 2,
      fileSystem: { type: "tmpfs", mount: folder },
    });
  });

  it("may be read-only, for root too", async ({ skip }) => {
    if (!(await mountMemory(root, "ro"))) skip();
    const { refusal } = await lookAtPlace(host, root);
    expect(refusal).toMatchObject({ code: "EROFS" });
  });
});

describe("the mount table", () => {
  const line = (id: string, mount: string, rest: string) =>
    `30 1 ${id} / ${mount} rw,relatime shared:1 - ${rest}`;
  const rows = parseMountTable(
    [
      line("259:2", "/", "ext4 /dev/nvme0n1p2 rw"),
      line("8:1", "/data", "exfat /dev/sda1 rw,uid=1000"),
      line("0:50", String.raw`/data/a\040b`, String.raw`cifs //nas/a\040b rw,mfsymlinks`),
      line("0:60", "/data", "btrfs /dev/sdb rw,subvol=/x"),
      "",
      "nonsense - ",
    ].join("\n"),
  );

  it.each([
    ["/home/ann", "259:2", "ext4"],
    ["/data", "8:1", "exfat"],
    // The later one at the same place, where no number tells.
    ["/data", null, "btrfs"],
    ["/data/subvolume", "0:61", "btrfs"],
    ["/database", "259:2", "ext4"],
    ["/data/a b/hub", "0:50", "cifs"],
    // Something was mounted over its parent later.
    ["/data/a b/hub", "0:60", "btrfs"],
  ])("tells that %s with the number %s lies on %s", (folder, number, type) => {
    expect(fileSystemOf(rows, folder, number)?.type).toBe(type);
  });

  it("tells sources, options and paths with spaces", () => {
    expect(rows).toHaveLength(4);
    expect(rows[2]).toMatchObject({
      device: "//nas/a b",
      mount: "/data/a b",
      options: ["rw", "mfsymlinks"],
    });
    expect(fileSystemOf([], "/home")).toBeNull();
  });

  it("numbers devices as the kernel does", () => {
    expect(deviceNumberOf(0x801)).toBe("8:1");
    // 259:2, and a minor number of more than eight bits.
    expect(deviceNumberOf(0x10302)).toBe("259:2");
    expect(deviceNumberOf(0x100000 | 45)).toBe("0:301");
  });
});
