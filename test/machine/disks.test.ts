import { describe, expect, it } from "vitest";
import type { Place } from "../../src/host/place.ts";
import type { FileSystem } from "../../src/host/host.ts";
import {
  distinctSpots,
  findDevice,
  imagePaths,
  parseLsblk,
  type Spot,
} from "../../src/machine/disks.ts";
import { assessImagesDisk, assessModelsDisk } from "../../src/checks/disks.ts";
import { parseDockerInfo } from "../../src/docker/engine.ts";
import { fixture, notInstalled, ran } from "./fixture.ts";

const gb = 1000 ** 3;
const limitMs = 4000;
function mounted(mount: string, type: string, options: readonly string[] = []): FileSystem {
  return { device: "/dev/sda1", type, mount, options };
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
    place: placeAt("/"),
    rotational: false,
    silent: false,
    ...change,
  };
}

function placeAt(mount: string, change: Partial<Place> = {}): Place {
  return {
    path: "/m",
    existing: "/m",
    isThere: true,
    isFolder: true,
    dangling: null,
    refusal: null,
    freeBytes: 900 * gb,
    totalBytes: 4000 * gb,
    fileSystem: mounted(mount, "ext4"),
    ...change,
  };
}

function refused(code: string): Error {
  return Object.assign(new Error(code), { code, path: "/m" });
}

describe("the disk for models", () => {
  it("is in order", () => {
    expect(
      assessModelsDisk(spotWith(3400 * gb), { path: "/m", home: "/home/ann", limitMs }),
    ).toEqual({
      status: "ok",
      found: "3.40 TB free of 4.00 TB on nvme0n1p2, at /m",
    });
  });

  it.each([
    ["is too full for all models", spotWith(10 * gb), "warning", /free some space/],
    ["spins", spotWith(900 * gb, { rotational: true }), "warning", /SSD/],
    ["is unknown", spotWith(0, { space: null }), "warning", undefined],
    ["does not answer", spotWith(0, { place: null, space: null }), "warning", undefined],
    [
      "is a share of which nobody knows whether it has links",
      spotWith(900 * gb, { place: placeAt("/", { fileSystem: mounted("/", "cifs") }) }),
      "warning",
      /mfsymlinks/,
    ],
  ])("%s", (_name, given, status, remedy) => {
    const finding = assessModelsDisk(given, { path: "/m", home: "/home/ann", limitMs });
    expect(finding.status).toBe(status);
    if (remedy !== undefined) expect(finding.remedy).toMatch(remedy);
  });

  it.each([
    ["somebody else's", { refusal: refused("EACCES") }, "cache.not_writable"],
    ["read-only", { refusal: refused("EROFS") }, "disk.read_only"],
    ["a file", { isFolder: false }, "cache.not_writable"],
    ["a link to nowhere", { dangling: { link: "/m", target: "/gone" } }, "cache.broken_link"],
    ["the kernel's", { fileSystem: mounted("/", "proc") }, "disk.unsupported"],
    ["exFAT", { fileSystem: mounted("/", "exfat") }, "cache.no_symlinks"],
    ["FAT", { fileSystem: mounted("/", "vfat") }, "cache.no_symlinks"],
  ])("that is %s is no place for models", (_name, change, code) => {
    const spot = spotWith(900 * gb, { place: placeAt("/", change) });
    const finding = assessModelsDisk(spot, { path: "/m", home: "/home/ann", limitMs });
    expect(finding).toMatchObject({ status: "failed", failure: { code, exitCode: 1 } });
  });

  it("may be a share that has links", () => {
    const fileSystem = mounted("/", "cifs", ["rw", "mfsymlinks"]);
    const spot = spotWith(900 * gb, { place: placeAt("/", { fileSystem }) });
    expect(assessModelsDisk(spot, { path: "/m", home: "/home/ann", limitMs }).status).toBe("ok");
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
    expect(distinctSpots([spotWith(1), spotWith(1, { place: placeAt("/var") })])).toHaveLength(2);
  });

  it("counts where it is tightest", () => {
    const finding = assessImagesDisk(
      [spotWith(900 * gb), spotWith(3 * gb, { place: placeAt("/var") })],
      {
        limitMs,
      },
    );
    expect(finding.status).toBe("warning");
    expect(finding.remedy).toContain("docker system prune");
    expect(assessImagesDisk([spotWith(900 * gb)], { limitMs }).status).toBe("ok");
  });

  it("may be unknown", () => {
    expect(assessImagesDisk([], { limitMs })).toEqual({
      status: "warning",
      found: "no answer within 4 s",
    });
  });
});
