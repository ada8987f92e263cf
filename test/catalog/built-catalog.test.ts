import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bundle } from "../../scripts/bundle.ts";
import { parseCatalog } from "../../src/catalog/load.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heros-built-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("the build holds what assets/catalogs/her-os.yaml says", async () => {
  const entries = { "cli/catalog": "src/catalog/built-catalog.ts" };
  await bundle({ root, entries, folder });
  const { builtCatalog } = (await import(join(folder, "cli/catalog.js"))) as {
    builtCatalog: unknown;
  };
  const text = await readFile(join(root, "assets/catalogs/her-os.yaml"), "utf8");
  expect(builtCatalog).toEqual(parseCatalog(text, "her-os.yaml"));
});
