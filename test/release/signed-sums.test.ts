import fc from "fast-check";
import { expect, test } from "vitest";
import { tarballsOf } from "../../src/release/signed-sums.ts";
import { compareVersions } from "../../src/run/version.ts";
import { isExpected } from "../../src/release/unpack.ts";

test("versions are in the order of semver.org", () => {
  const ordered = [
    "0.9.0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(ordered, { minLength: ordered.length }), (shuffled) => {
      expect(shuffled.toSorted(compareVersions)).toEqual(ordered);
    }),
  );
  expect(compareVersions("1.0.0+a", "1.0.0+b")).toBe(0);
});

test("of the sums, whole lines about this platform's tarballs count", () => {
  const hash = "a".repeat(64);
  const sums = [
    `${hash}  heros-1.2.0-linux-arm64.tar.xz`,
    `${hash} *heros-1.2.0-rc.1-linux-arm64.tar.gz`,
    `${hash}  heros-1.2.0-linux-x64.tar.xz`,
    `${hash}  ../heros-1.2.0-linux-arm64.tar.xz`,
    `${hash}  heros-1.2.0/../x-linux-arm64.tar.xz`,
    `${hash.slice(1)}  heros-1.2.0-linux-arm64.tar.xz`,
    `${hash}  install.sh`,
    `# ${hash}  heros-1.2.0-linux-arm64.tar.xz`,
  ].join("\n");
  expect(tarballsOf(sums, "linux-arm64").map(({ version }) => version)).toEqual([
    "1.2.0",
    "1.2.0-rc.1",
  ]);
});

test.each([
  ["drwxr-xr-x 0/0           0 2026-11-26 14:28 heros-1.0.0-linux-x64/", true],
  ["-rwxr-xr-x root/root   123 2026-11-26 14:28 heros-1.0.0-linux-x64/runtime/node", true],
  ["-rw-r--r-- 0/0 1 2026-11-26 14:28:11 heros-1.0.0-linux-x64/app/@a/b+c~d.js", true],
  ["-rw-r--r-- 0/0 1 2026-11-26 14:28 heros-1.0.0-linux-x64/../x", false],
  ["-rw-r--r-- 0/0 1 2026-11-26 14:28 /heros-1.0.0-linux-x64/x", false],
  ["-rw-r--r-- 0/0 1 2026-11-26 14:28 heros-1.0.0-linux-x64-2/x", false],
  ["-rw-r--r-- 0/0 1 2026-11-26 14:28 heros-1.0.0-linux-x64//x", false],
  ["-rw-r--r-- 0/0 1 2026-11-26 14:28 heros-1.0.0-linux-x64/a\\nb", false],
  ["lrwxrwxrwx 0/0 0 2026-11-26 14:28 heros-1.0.0-linux-x64/x -> y", false],
  [
    "hrw-r--r-- 0/0 0 2026-11-26 14:28 heros-1.0.0-linux-x64/x link to heros-1.0.0-linux-x64/y",
    false,
  ],
  ["crw-r--r-- 0/0 1,3 2026-11-26 14:28 heros-1.0.0-linux-x64/null", false],
])("whether a release may hold %j: %s", (line, expected) => {
  expect(isExpected(line, "heros-1.0.0-linux-x64")).toBe(expected);
});
