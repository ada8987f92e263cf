import fc from "fast-check";
import { expect, test } from "vitest";
import { tarballsOf } from "../../src/release/signed-sums.ts";
import { compareVersions } from "../../src/run/version.ts";
import { changesIn } from "../../src/release/tree.ts";
import { isExpected } from "../../src/release/fetch-tarball.ts";

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

test("of a changelog, what is new after one version up to another counts, and not more than fits", () => {
  const entry = "- A sentence about what changes for whoever runs heros in scripts.";
  const text = [
    "# Changes\n\nFor readers.\n",
    "## Unreleased\n\n- Later.\n",
    `## [1.2.0] - 2026-12-24\n\n${`${entry}\n`.repeat(14)}`,
    `## v1.1.0\n\n${entry.repeat(9)}\n`,
    "## 1.0.0\n\n- Known.\n",
  ].join("\n");
  expect(changesIn(text, { from: "1.0.0", to: "1.1.0" })).toEqual({
    lines: ["v1.1.0", `${entry.repeat(4).slice(0, entry.repeat(4).lastIndexOf(" ", 160))} …`],
    omitted: 0,
  });
  const all = changesIn(text, { from: "1.0.0", to: "1.2.0" });
  expect(all.lines[0]).toBe("[1.2.0] - 2026-12-24");
  expect(all.lines.length + all.omitted).toBe(17);
  expect(all.lines.length).toBe(10);
  for (const to of ["1.0.0", "0.9.0"]) {
    expect(changesIn(text, { from: "1.0.0", to })).toEqual({ lines: [], omitted: 0 });
  }
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
