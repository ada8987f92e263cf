import { dirname } from "node:path";
import type { Host } from "../../host/host.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { errorCode } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { findLockHolder } from "../contents.ts";
import type { Damage, Inspection, InspectRequest, PresentContent } from "../hub-cache/verify.ts";
import { failureOfFiles, type SurveyedBlob } from "../store.ts";
import { blobPath, isManifestFile, manifestPath, ollamaPlacesOf, placeIn } from "./places.ts";

/**
 * Looks at the sizes of Ollama's models, and reads no content. A model that is still coming has no manifest: what it lacks is no
 * damage, unless `whole` says so.
 */
export async function inspectOllama(
  { files, survey, whole, signal }: InspectRequest,
  modelsDir: string,
): Promise<Inspection> {
  const places = ollamaPlacesOf(modelsDir);
  const blobs = new Map(survey.blobs.map((blob) => [blob.blobName, blob]));
  const wanted = new Map<string, SurveyedBlob>();
  for (const { snapshots } of survey.models) {
    for (const { repo, commit, files: own } of snapshots) {
      if (!whole && !own.some((file) => isManifestFile(file) && file.linked)) continue;
      for (const { path, blobName } of own) {
        const blob = blobs.get(blobName);
        const file = isManifestFile({ path })
          ? manifestPath(places, path)
          : blobPath(places, blobName);
        if (blob !== undefined) wanted.set(file, { ...blob, repo, commit, path });
      }
    }
  }
  const found = await sideBySide([...wanted], 64, signal, async ([file, blob]) => {
    const damage = (reason: Damage["reason"], told: string | null): Damage => ({
      ...blob,
      file,
      reason,
      expected: reason === "size" ? String(blob.sizeBytes) : blob.hash.hex,
      found: told,
    });
    try {
      const there = await files.stat(file);
      if (!there.isFile()) return damage("unreadable", "not a file");
      if (there.size === blob.sizeBytes) return { blob, file } satisfies PresentContent;
      return damage("size", String(there.size));
    } catch (error) {
      const code = errorCode(error) ?? "unknown";
      return code === "ENOENT" ? damage("missing", null) : damage("unreadable", code);
    }
  });
  return {
    damaged: found.flatMap((each) => ("reason" in each ? [each] : [])),
    present: found.flatMap((each) => ("reason" in each ? [] : [each])),
  };
}

/**
 * Removes damaged files of Ollama's models, for the engine to take them for missing. @throws Failure `cache.busy` where another
 * heros works on one, `ollama.not_writable`
 */
export async function removeDamaged(
  { files, fileLocks }: Pick<Host, "files" | "fileLocks">,
  modelsDir: string,
  damaged: readonly Damage[],
): Promise<void> {
  for (const { repo, path, blobName, file, reason } of damaged) {
    if (reason === "missing") continue;
    const { lock } = placeIn(ollamaPlacesOf(modelsDir), { path, blobName });
    try {
      await files.mkdir(dirname(lock), { recursive: true });
      if ((await fileLocks.acquire(lock)) === "busy") {
        const holder = (await findLockHolder(files, lock)) ?? "another program";
        throw failure("cache.busy", { repo, path, holder });
      }
      await files.rm(file, { force: true });
    } catch (error) {
      throw failureOfFiles(error, modelsDir, "ollama");
    } finally {
      fileLocks.release(lock);
    }
  }
}
