import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { startHub } from "../../src/demo/hub/hub.ts";
import { ollamaModel } from "../source/ollama/models.ts";
import { startRegistry } from "../source/oci/registry-server.ts";
const assets = new URL("../../assets/", import.meta.url);
for (const name of ["her-os", "open-webui", "rma-demo"]) {
  const folder = `/tmp/rv/walk/${name}`;
  await mkdir(`${folder}/home`, { recursive: true });
  const registry = await startRegistry({ storage: true });
  const text = (await readFile(new URL(`catalogs/${name}.yaml`, assets), "utf8"))
    .replaceAll(
      /ollama:([a-z][\w.-]*(?::[\w.-]+)?)/g,
      (_a, m: string) => `ollama:${registry.host}/library/${m}`,
    )
    .replace(/^(\s+base: )([\w.-]+\.yml)$/mu, "$1./$2");
  const file = path.join(folder, "catalog.yaml");
  await writeFile(file, text);
  const catalog = parseCatalog(text, file);
  if (name !== "her-os")
    await writeFile(
      path.join(folder, `${name}.yml`),
      await readFile(new URL(`compose/${name}.yml`, assets)),
    );
  for (const { parts, variants } of catalog.models)
    for (const part of [parts, ...variants.map((v) => v.parts)].flat()) {
      const [, model] = /^ollama:[^/]+\/(.+)$/u.exec(part.repo) ?? [];
      if (model !== undefined)
        registry.push(model, part.revision, ollamaModel(`${model}:${part.revision}`));
    }
  const ofHub = catalog.models.map((model) => ({
    ...model,
    parts: model.parts.filter(({ repo }) => !repo.startsWith("ollama:")),
  }));
  const hub = await startHub({
    repos: reposForCatalog({ ...catalog, models: ofHub as never }, { scale: 0.01 }),
    throttle: { bytesPerSecond: 10_000_000 },
  });
  await writeFile(`${folder}/endpoint`, hub.endpoint);
  console.log(name, hub.endpoint, registry.host);
}
setInterval(() => {}, 1000);
