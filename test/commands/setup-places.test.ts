import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { serveFolder } from "../source/folder/file-server.ts";
import { eventsOf, makeWorld, runSetup } from "./demo-setup.ts";

const commit = "1".repeat(40);
const weights = Buffer.alloc(300_000, "weights ");

/** A folder with this one model. */
async function fill(repo: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "heros-folder-"));
  const hex = createHash("sha256").update(weights).digest("hex");
  const files = [{ path: "model.safetensors", size: weights.length, sha256: hex }];
  const models = [{ repo, revision: "main", commit, files }];
  await writeFile(join(folder, "heros-manifest.json"), JSON.stringify({ schema: 1, models }));
  await mkdir(join(folder, repo, commit), { recursive: true });
  await writeFile(join(folder, repo, commit, "model.safetensors"), weights);
  return folder;
}

test("a setup fetches each model from where the catalog says, in one download", async () => {
  const world = await makeWorld();
  const [disk, site] = [await fill("place/disk"), await fill("place/site")];
  try {
    await using server = await serveFolder(site);
    const last = world.catalog.models.at(-1);
    if (last === undefined) throw new Error("no models");
    // The Hub has neither.
    const placed = (id: string, repo: string, from: string) =>
      ({ ...last, id, parts: [{ repo, revision: "main", files: null, from }] }) as const;
    const models = [
      ...world.catalog.models,
      placed("disk", "place/disk", disk),
      placed("site", "place/site", server.url),
    ];
    const run = await runSetup(world, { request: { catalog: { ...world.catalog, models } } });
    expect(run.error).toBeNull();
    expect(eventsOf(run, "annie.online")).toHaveLength(1);
    expect(eventsOf(run, "download.finished")).toHaveLength(1);
    const ready = eventsOf(run, "model.ready");
    expect(ready).toHaveLength(models.length);
    for (const repo of ["place/disk", "place/site"]) {
      const path = ready.find((each) => each.repo === repo)?.path ?? "";
      expect(await readFile(join(path, "model.safetensors"))).toEqual(weights);
    }
  } finally {
    await world.dispose();
    for (const folder of [disk, site]) await rm(folder, { recursive: true, force: true });
  }
});
