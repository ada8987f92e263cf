import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bundle } from "../../scripts/bundle.ts";
import { stackInSource } from "../../src/cli/run-lifecycle.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "heros-stack-"));
  await mkdir(join(root, "src"));
  await writeFile(join(root, "tsconfig.json"), "{}");
});
afterEach(() => rm(root, { recursive: true, force: true }));

const broken = `import { readFileSync } from "node:fs";

interface Wanted {
  readonly file: string;
}

export function read({ file }: Wanted): string {
  return readFileSync(file, "utf8");
}
`;

test("the stack of a built program names the lines of its sources", async () => {
  await writeFile(join(root, "src/broken.ts"), broken);
  const entries = { "cli/broken": "src/broken.ts" };
  await bundle({ root, entries, folder: join(root, "dist") });
  // In a Node of its own: here vitest would translate the stack by itself.
  const program = `import { read } from ${JSON.stringify(join(root, "dist/cli/broken.js"))};
    try { read({ file: "/absent" }) } catch (error) { console.log(error.stack) }`;
  const args = ["--input-type=module", "--eval", program];
  const { stdout: stack } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stack).toContain("dist/cli/broken.js");
  const told = stackInSource(stack);
  expect(told).toContain("at read (src/broken.ts:8:");
  expect(told).not.toContain("dist/cli");
});

test("a frame without a source map stays as it is", () => {
  const stack = `Error: no\n    at run (${join(root, "dist/cli/other.js")}:1:2)\n    at node:internal/main:3:4`;
  expect(stackInSource(stack)).toBe(stack);
});
