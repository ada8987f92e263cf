import { readFileSync } from "node:fs";
import { matchesGlob } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import type { RepoSpec } from "../../src/demo/hub/repository.ts";

export const catalogPath = fileURLToPath(
  new URL("../../assets/catalogs/her-os.yaml", import.meta.url),
);

export function oneFile(sizeBytes: number): RepoSpec[] {
  return [{ id: "bench/one", files: [{ path: "model.safetensors", sizeBytes }] }];
}

/** Of 1 to 15 kB, in ten folders; not LFS, so that each is one answer of the Hub itself. */
export function smallFiles(count: number): RepoSpec[] {
  const files = Array.from({ length: count }, (_, index) => ({
    path: `part-${index % 10}/file-${index}.json`,
    sizeBytes: 1000 + ((index * 7919) % 14_000),
  }));
  return [{ id: "bench/small", files }];
}

/** The repositories of her-os with the files that its catalog names, scaled to so many bytes in all. */
export function herOs(totalBytes: number): RepoSpec[] {
  const full = readSpecs(1);
  const bytes = full.flatMap(({ files }) => files).reduce((sum, file) => sum + sizeOf(file), 0);
  return readSpecs(totalBytes / bytes);
}

/** At its real sizes. */
export function herOsFullSize(): RepoSpec[] {
  return readSpecs(1);
}

function readSpecs(scale: number): RepoSpec[] {
  const catalog = parseCatalog(readFileSync(catalogPath, "utf8"), catalogPath);
  const parts = catalog.models.flatMap((model) => model.parts);
  return reposForCatalog(catalog, { scale }).map((spec) => {
    const wanted = parts.filter(({ repo }) => repo === spec.id);
    const files = spec.files.filter(({ path }) =>
      wanted.some((part) => part.files?.some((glob) => matchesGlob(path, glob)) ?? true),
    );
    return { ...spec, files };
  });
}

function sizeOf(file: RepoSpec["files"][number]): number {
  return "sizeBytes" in file ? file.sizeBytes : file.content.length;
}
