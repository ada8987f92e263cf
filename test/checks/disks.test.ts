import { describe, expect, it } from "vitest";
import { assessImagesDisk, assessModelsDisk, shareFailure } from "../../src/checks/disks.ts";
import { gb, mounted, placeAt, spotWith } from "../machine/spots.ts";

const limitMs = 4000;

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
    [
      "of a disk that is not mounted",
      { unmounted: { device: "UUID=1", mount: "/m" } },
      "disk.not_mounted",
    ],
    ["a link to nowhere", { dangling: { link: "/m", target: "/gone" } }, "cache.broken_link"],
    ["the kernel's", { fileSystem: mounted("/", "proc") }, "disk.unsupported"],
    ["exFAT", { fileSystem: mounted("/", "exfat") }, "cache.no_symlinks"],
    ["FAT", { fileSystem: mounted("/", "vfat") }, "cache.no_symlinks"],
  ])("that is %s is no place for models", (_name, change, code) => {
    const spot = spotWith(900 * gb, { place: placeAt("/", change) });
    const finding = assessModelsDisk(spot, { path: "/m", home: "/home/ann", limitMs });
    expect(finding).toMatchObject({ status: "failed", failure: { code, exitCode: 1 } });
  });

  it("that is closed is said to be its owner's", () => {
    const place = placeAt("/", { refusal: refused("EACCES"), owner: "root" });
    const finding = assessModelsDisk(spotWith(900 * gb, { place }), {
      path: "/m",
      home: "/home/ann",
      limitMs,
    });
    expect(finding.found).toBe(
      "Can't write to /m, which belongs to root: you don't have permission",
    );
  });

  it("that is a share without links is not to be chosen", () => {
    const fileSystem = mounted("/", "cifs");
    expect(shareFailure(placeAt("/", { fileSystem }))?.message).toContain("its file system (cifs)");
    expect(shareFailure(placeAt("/"))).toBeNull();
  });

  it("may be a share that has links", () => {
    const fileSystem = mounted("/", "cifs", ["rw", "mfsymlinks"]);
    const spot = spotWith(900 * gb, { place: placeAt("/", { fileSystem }) });
    expect(assessModelsDisk(spot, { path: "/m", home: "/home/ann", limitMs }).status).toBe("ok");
  });
});

describe("the disk for images", () => {
  it("counts where it is tightest", () => {
    const finding = assessImagesDisk(
      [spotWith(900 * gb), spotWith(3 * gb, { place: placeAt("/var") })],
      {
        limitMs,
      },
    );
    expect(finding.status).toBe("warning");
    expect(finding.remedy).toContain("docker image prune");
    expect(assessImagesDisk([spotWith(900 * gb)], { limitMs }).status).toBe("ok");
  });

  it("may be unknown", () => {
    expect(assessImagesDisk([], { limitMs })).toEqual({
      status: "warning",
      found: "no answer within 4 s",
    });
  });
});
