import { expect, test } from "vitest";
import { isStorage, mountOf } from "../../src/plan/storage.ts";

test.each([
  ["hub-cache", { kind: "folder" }],
  ["stack-dir", { kind: "folder" }],
  ["/data/models", { kind: "folder" }],
  ["volume:her-os_model-cache", { kind: "volume", name: "her-os_model-cache" }],
  ["nfs:nas.local:/export/models", { kind: "nfs", server: "nas.local", path: "/export/models" }],
  ["nfs:192.168.1.100:/", { kind: "nfs", server: "192.168.1.100", path: "/" }],
  ["nfs:[fd00::7]:/models", { kind: "nfs", server: "fd00::7", path: "/models" }],
])("%s is a storage", (value, mount) => {
  expect(isStorage(value)).toBe(true);
  expect(mountOf(value)).toEqual(mount);
});

test.each([
  "",
  "models",
  "volume:",
  "volume:../etc",
  "volume:-v",
  "nfs:nas",
  "nfs:nas:models",
  "nfs:nas,exec:/models",
  "nfs:fd00::7:/models",
  "/a\0b",
])("%j is none", (value) => {
  expect(isStorage(value)).toBe(false);
});
