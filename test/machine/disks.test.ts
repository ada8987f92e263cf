import { describe, expect, it } from "vitest";
import { distinctSpots, findDevice, imagePaths, parseLsblk } from "../../src/machine/disks.ts";
import { parseDockerInfo } from "../../src/docker/engine.ts";
import { fixture, notInstalled, ran } from "./fixture.ts";
import { placeAt, spotWith } from "./spots.ts";

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
});
