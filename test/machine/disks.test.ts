import { mkdtemp, mkdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { FileSystem } from "../../src/host/system.ts";
import {
  askPlace,
  describeSpot,
  distinctSpots,
  fileSystemOf,
  imagePaths,
  type Spot,
} from "../../src/machine/disks.ts";
import { judgeImagesDisk, judgeModelsDisk } from "../../src/machine/judge-disks.ts";
import { findDevice, parseLsblk } from "../../src/machine/lsblk.ts";
import { parseDockerInfo } from "../../src/machine/docker-info.ts";
import { late } from "../../src/machine/time-limit.ts";
import { fixture, notInstalled, ran } from "./fixture.ts";
import { testProbe } from "./test-host.ts";

const gb = 1000 ** 3;
const limitMs = 4000;
const temporary: string[] = [];

afterEach(async () => {
  await Promise.all(temporary.splice(0).map((folder) => rm(folder, { recursive: true })));
});

async function newFolder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "heros-disks-"));
  temporary.push(made);
  return made;
}

function mounted(mount: string, device: string, availableBytes = 3400 * gb): FileSystem {
  return { device, type: "ext4", mount, sizeBytes: 4000 * gb, availableBytes };
}

describe("lsblk", () => {
  it("is read as new versions write it, with numbers and booleans", () => {
    const devices = parseLsblk(ran(fixture("spark/lsblk.json")));
    expect(findDevice(devices, "/dev/nvme0n1p2")).toEqual({
      name: "nvme0n1p2",
      kernelName: "nvme0n1p2",
      disk: { name: "nvme0n1", model: "SAMSUNG MZALC4T0HBL1-00B07", nvme: true, rotational: false },
    });
  });

  it("is read as old versions write it, all in strings, through volume groups", () => {
    const devices = parseLsblk(ran(fixture("pc/lsblk.json")));
    const disk = {
      name: "nvme0n1",
      model: "Samsung SSD 990 PRO 2TB",
      nvme: true,
      rotational: false,
    };
    expect(findDevice(devices, "/dev/mapper/vgubuntu-root")).toMatchObject({ disk });
    expect(findDevice(devices, "/dev/dm-0")).toMatchObject({ name: "vgubuntu-root", disk });
    expect(findDevice(devices, "/dev/sda1")).toMatchObject({
      disk: { nvme: false, rotational: true },
    });
  });

  it("does not take a virtual disk for a spinning one", () => {
    const text =
      '{"blockdevices": [{"name":"vda","kname":"vda","rota":true,"model":null,"tran":"virtio"}]}';
    expect(parseLsblk(ran(text))).toMatchObject([{ disk: { nvme: false, rotational: false } }]);
  });

  it.each(["", "not json", '{"blockdevices": 3}', "{}"])("may answer nonsense: %j", (stdout) => {
    expect(parseLsblk(ran(stdout))).toEqual([]);
  });

  it("may lack columns, or have others", () => {
    const text = '{"blockdevices": [{"name":"sda","serial":"S3CR3T","rota":7,"model":5}]}';
    expect(parseLsblk(ran(text))).toEqual([
      {
        name: "sda",
        kernelName: "sda",
        disk: { name: "sda", model: null, nvme: false, rotational: false },
      },
    ]);
  });
});

describe("the file system of a folder", () => {
  const rows = [
    mounted("/", "/dev/nvme0n1p2"),
    mounted("/data", "/dev/sda1"),
    mounted("/data/models", "tank/models"),
  ];

  it.each([
    ["/home/ann/.cache", "/"],
    ["/data", "/data"],
    ["/data/modelsgarden", "/data"],
    ["/data/models/hub", "/data/models"],
  ])("%s lies on %s", (place, mount) => {
    expect(fileSystemOf(rows, place)?.mount).toBe(mount);
  });

  it("is nobody's where none are listed", () => {
    expect(fileSystemOf([], "/home")).toBeNull();
  });
});

describe("a place that is not there yet", () => {
  it("is looked for upwards, links followed, and nothing is made", async () => {
    const root = await newFolder();
    await mkdir(path.join(root, "disk"));
    await symlink(path.join(root, "disk"), path.join(root, "cache"));
    const place = await askPlace(testProbe(), path.join(root, "cache", "hub", "deep"));
    expect(place).toMatchObject({ existing: path.join(root, "disk"), writable: true });
    expect(place === late ? 0 : place.freeBytes).toBeGreaterThan(0);
  });

  it("has the kernel's own figures where no file system is listed", async () => {
    const root = await newFolder();
    const spot = describeSpot(
      { purpose: "models", path: root },
      await askPlace(testProbe(), root),
      {
        fileSystems: [],
        devices: [],
      },
    );
    expect(spot.space).toMatchObject({ device: null, deviceModel: null, nvme: null });
    expect(spot.space?.totalBytes).toBeGreaterThan(spot.space?.freeBytes ?? Infinity);
  });

  it("still has its listed space where the place itself hangs", () => {
    const spot = describeSpot({ purpose: "models", path: "/data/hub" }, late, {
      fileSystems: [mounted("/data", "/dev/sda1", 7 * gb)],
      devices: parseLsblk(ran(fixture("pc/lsblk.json"))),
    });
    expect(spot).toMatchObject({
      mount: "/data",
      unwritable: null,
      space: { device: "sda1", freeBytes: 7 * gb },
    });
  });
});

function spotWith(freeBytes: number, change: Partial<Spot> = {}): Spot {
  return {
    space: {
      purpose: "models",
      path: "/m",
      device: "nvme0n1p2",
      deviceModel: null,
      nvme: true,
      freeBytes,
      totalBytes: 4000 * gb,
    },
    unwritable: null,
    mount: "/",
    rotational: false,
    silent: [],
    ...change,
  };
}

describe("the disk for models", () => {
  it("is in order", () => {
    expect(
      judgeModelsDisk(spotWith(3400 * gb), { path: "/m", home: "/home/ann", limitMs }),
    ).toEqual({
      status: "ok",
      found: "3.40 TB free of 4.00 TB on nvme0n1p2, at /m",
    });
  });

  it.each([
    ["is too full for all models", spotWith(10 * gb), "warning", /free some space/],
    ["spins", spotWith(900 * gb, { rotational: true }), "warning", /SSD/],
    [
      "belongs to somebody else",
      spotWith(900 * gb, { unwritable: "/m" }),
      "failed",
      /sudo mkdir -p \/m\/models && sudo chown "\$USER" \/m\/models/,
    ],
    ["does not answer", spotWith(0, { space: null }), "warning", undefined],
  ])("%s", (_name, given, status, remedy) => {
    const finding = judgeModelsDisk(given, { path: "/m", home: "/home/ann", limitMs });
    expect(finding.status).toBe(status);
    if (remedy === undefined) expect(finding.found).toBe("/m: no answer within 4 s");
    else expect(finding.remedy).toMatch(remedy);
  });
});

describe("the disk for images", () => {
  it("is looked at where Docker keeps them, the store in use first", () => {
    expect(imagePaths(parseDockerInfo(ran(fixture("docker/29-cdi.json"))))).toEqual([
      "/var/lib/containerd",
      "/var/lib/docker",
    ]);
    expect(imagePaths(parseDockerInfo(ran(fixture("docker/28-runtime.json"))))).toEqual([
      "/var/lib/docker",
      "/var/lib/containerd",
    ]);
    expect(imagePaths(parseDockerInfo(notInstalled))).toEqual([
      "/var/lib/docker",
      "/var/lib/containerd",
    ]);
  });

  it("is one where both stores lie on one file system", () => {
    expect(distinctSpots([spotWith(1), spotWith(1)])).toHaveLength(1);
    expect(distinctSpots([spotWith(1), spotWith(1, { mount: "/var" })])).toHaveLength(2);
  });

  it("counts where it is tightest", () => {
    const finding = judgeImagesDisk([spotWith(900 * gb), spotWith(3 * gb, { mount: "/var" })], {
      limitMs,
    });
    expect(finding.status).toBe("warning");
    expect(finding.remedy).toContain("docker system prune");
    expect(judgeImagesDisk([spotWith(900 * gb)], { limitMs }).status).toBe("ok");
  });

  it("may be unknown", () => {
    expect(judgeImagesDisk([], { limitMs })).toEqual({
      status: "warning",
      found: "no answer within 4 s",
    });
  });
});
