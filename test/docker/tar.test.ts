import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readTar, tarEnd, tarEntry, TarError } from "../../src/docker/tar.ts";
import { temporaryFolder } from "../deploy/compose/fixtures.ts";

async function entriesOf(tar: Buffer, pieceBytes = tar.length) {
  const pieces = [];
  for (let at = 0; at < tar.length; at += pieceBytes) {
    pieces.push(tar.subarray(at, at + pieceBytes));
  }
  const found = [];
  for await (const { path: name, kind, target, isSymbolic, body } of readTar(
    Readable.from(pieces),
  )) {
    const bytes = [];
    for await (const piece of body) bytes.push(piece);
    found.push({ name, kind, target, isSymbolic, text: Buffer.concat(bytes).toString("latin1") });
  }
  return found;
}

const long = `${"deep/".repeat(60)}file`;

test.each(["gnu", "pax", "ustar"])(
  "what tar wrote in the format %s is read back",
  async (format) => {
    const folder = await temporaryFolder();
    const name = format === "ustar" ? `${"deep/".repeat(30)}file` : long;
    await mkdir(path.join(folder, path.dirname(name)), { recursive: true });
    await writeFile(path.join(folder, name), "far down");
    await writeFile(path.join(folder, "a"), "x".repeat(1500));
    await symlink("a", path.join(folder, "b"));
    const args = ["--format", format, "-C", folder, "-cf", "-", "a", "b", name];
    const tar = execFileSync("tar", args);
    const usual = { kind: "file", target: "", isSymbolic: false };
    for (const pieceBytes of [tar.length, 700, 1]) {
      expect(await entriesOf(tar, pieceBytes)).toEqual([
        { ...usual, name: "a", text: "x".repeat(1500) },
        { name: "b", kind: "link", target: "a", isSymbolic: true, text: "" },
        { ...usual, name, text: "far down" },
      ]);
    }
  },
);

test("a body that nobody reads is passed over", async () => {
  const tar = Buffer.concat([
    ...tarEntry("a", Buffer.alloc(3000, 1)),
    ...tarEntry("b", Buffer.from("b")),
    tarEnd,
  ]);
  const names = [];
  for await (const { path: name } of readTar(Readable.from([tar]))) names.push(name);
  expect(names).toEqual(["a", "b"]);
});

test("a tar that is cut, and what is none, end with an error or with fewer entries, and never hang", async () => {
  const tar = Buffer.concat([...tarEntry("name", Buffer.alloc(2000, 7)), tarEnd]);
  await expect(entriesOf(tar.subarray(0, 1000))).rejects.toThrow(TarError);
  await expect(entriesOf(Buffer.alloc(5000, 65))).rejects.toThrow(TarError);
  await fc.assert(
    fc.asyncProperty(fc.nat(tar.length - 1), fc.nat(255), async (at, value) => {
      const changed = Buffer.from(tar);
      changed[at] = value;
      const found = await entriesOf(changed, 999).catch((error: unknown) => error);
      expect(Array.isArray(found) || found instanceof TarError).toBe(true);
    }),
    { numRuns: 200, seed: 1 },
  );
});
