import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { readBytes } from "../../src/demo/hub/content.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { startHub } from "../../src/demo/hub/hub.ts";

async function herOs() {
  const path = "assets/catalogs/her-os.yaml";
  return parseCatalog(await readFile(path, "utf8"), path);
}

test("gives her-os's repositories their real names, revisions and unneeded files, scaled down", async () => {
  const catalog = await herOs();
  const hub = await startHub({ repos: reposForCatalog(catalog, { scale: 0.001 }) });
  try {
    for (const { repo, revision } of catalog.models.flatMap((model) => model.parts)) {
      expect(hub.commit(repo, revision)).toBe(revision);
    }
    const whisper = "openai/whisper-large-v3";
    expect(hub.file(whisper, "model.safetensors").source.sizeBytes).toBe(3_087_131);
    expect(hub.file(whisper, "flax_model.msgpack").lfs).toBe(true);
    expect(hub.file("Qwen/Qwen3-Embedding-8B", "model-00004-of-00004.safetensors").lfs).toBe(true);
    const pooling = hub.file("Qwen/Qwen3-Embedding-0.6B", "1_Pooling/config.json");
    expect(pooling.lfs).toBe(false);
    expect(JSON.parse(readBytes(pooling.source).toString())).toHaveProperty("name");
  } finally {
    await hub.close();
  }
});

test("makes files up for a repository that nobody knows, from the catalog's globs", () => {
  const catalog = parseCatalog(
    `schema: 1
stack: mine
tiers: [{id: 1, name: Only}]
models:
  - {id: a, repo: me/a, revision: main, tier: 1, files: ["*.safetensors", config.json]}
  - {id: b, repo: me/b, revision: v2, tier: 1}
`,
    "mine.yaml",
  );

  const [a, b] = reposForCatalog(catalog, { scale: 0.0001 });

  expect(a?.files.map((file) => file.path)).toEqual(["00001.safetensors", "config.json"]);
  expect(b?.branch).toBe("v2");
  expect(b?.files.map((file) => file.path)).toContain("model.safetensors");
});
