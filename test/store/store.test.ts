import { expect, test } from "vitest";
import {
  headroom,
  type NeededSpace,
  neededFor,
  needsByDisk,
  spaceFailure,
} from "../../src/store/store.ts";

test("what should stay free is a fiftieth, at least 64 MB and at most 1 GB", () => {
  expect([1, 3.2e9, 10e9, 50e9, 100e9].map(headroom)).toEqual([64e6, 64e6, 200e6, 1e9, 1e9]);
  expect(neededFor(0)).toBe(0);
  expect(neededFor(10e9)).toBe(10.2e9);
});

test("what just fits is no failure", () => {
  const need = { disk: 1, folder: "/models", what: "models", bytes: 10e9 } as const;
  expect(spaceFailure([{ ...need, freeBytes: 10.2e9 }])).toBeNull();
  expect(spaceFailure([{ ...need, freeBytes: 10.2e9 - 1 }])).toMatchObject({
    code: "disk.too_small",
    exitCode: 7,
  });
});

test("what comes to one disk is summed, and says whether a part of it is an estimate", () => {
  const models = {
    disk: 1,
    folder: "/models",
    what: "models",
    bytes: 5e9,
    freeBytes: 9e9,
  } as const;
  const layers = { ...models, folder: "/models/.heros", what: "images", bytes: 1e9 } as const;
  const unpacked: NeededSpace = {
    ...layers,
    folder: "/var/lib/docker",
    bytes: 2.5e9,
    estimated: true,
  };
  const own = { ...unpacked, disk: 2, freeBytes: 3e9 };
  expect(needsByDisk([models, layers, own])).toEqual([
    {
      folder: "/models",
      what: ["models", "images"],
      neededBytes: neededFor(6e9),
      freeBytes: 9e9,
      estimated: false,
    },
    {
      folder: "/var/lib/docker",
      what: ["images"],
      neededBytes: neededFor(2.5e9),
      freeBytes: 3e9,
      estimated: true,
    },
  ]);
  expect(spaceFailure([models, layers, own])).toBeNull();
  expect(spaceFailure([models, layers, { ...unpacked, bytes: 3e9 }])?.message).toBe(
    "Not enough disk space in /models: the models and images need about 9.18 GB (unpacked: an estimate), and 9.00 GB is free.",
  );
});
