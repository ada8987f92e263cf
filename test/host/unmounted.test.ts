import { expect, test } from "vitest";
import { findUnmounted } from "../../src/host/unmounted.ts";

const fstab = `# /etc/fstab
UUID=1 / ext4 defaults 0 1
UUID=2 /data ext4 nofail 0 2
UUID=3 /data/big\\040disk xfs nofail 0 2
UUID=4 none swap sw 0 0
# UUID=5 /old ext4 defaults 0 2
`;
const row = (mount: string) => ({ device: "x", type: "ext4", mount });

test.each([
  ["/data/models", ["/"], { device: "UUID=2", mount: "/data" }],
  ["/data", ["/"], { device: "UUID=2", mount: "/data" }],
  ["/data/models", ["/", "/data"], null],
  ["/data/big disk/hub", ["/", "/data"], { device: "UUID=3", mount: "/data/big disk" }],
  ["/database", ["/"], null],
  ["/old/models", ["/"], null],
  ["/data/models", [], null],
])("of %s, with %j mounted, %j is missing", (folder, mounts, missing) => {
  expect(findUnmounted(fstab, mounts.map(row), folder)).toEqual(missing);
});
