import { expect, test } from "vitest";
import { findNfsMount } from "../../src/host/nfs-mount.ts";
import { parseMountTable } from "../../src/host/places.ts";

const rows = parseMountTable(
  [
    "22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw",
    "90 22 0:52 / /mnt/nas rw - nfs4 nas.local:/export rw,vers=4.2,addr=192.168.1.100",
    "91 22 0:53 / /mnt/old rw - nfs [fd00::7]:/models rw,nolock,addr=fd00::7",
  ].join("\n"),
);

test.each([
  ["nas.local", "/export", "/mnt/nas"],
  ["nas.local", "/export/models/", "/mnt/nas/models"],
  ["192.168.1.100", "/export/models", "/mnt/nas/models"],
  ["fd00::7", "/models", "/mnt/old"],
  ["nas.local", "/exported", null],
  ["other", "/export", null],
])("%s:%s is found at %s", (server, path, mount) => {
  expect(findNfsMount(rows, { server, path })).toBe(mount);
});
