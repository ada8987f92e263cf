import path from "node:path";
import { findComposeVolumes } from "../../docker/volumes.ts";
import type { Stack } from "../../catalog/stack.ts";
import type { Host } from "../../host/host.ts";
import { answerLimitMs, late, withinLimit } from "../../host/time-limit.ts";
import type { FoundVolume } from "../../plan/storage.ts";
import type { Work } from "../command-request.ts";
import { reachStorage } from "../reach-storage.ts";

/**
 * The volumes of earlier installs that hold models, the fullest first. None where Docker takes too long, for most people have
 * none. @throws AbortError
 */
export async function findVolumes(
  { host, signal }: Pick<Work, "host" | "signal">,
  { stack, stackDir }: { readonly stack: Pick<Stack, "earlierVolume">; readonly stackDir: string },
): Promise<readonly FoundVolume[]> {
  const volumeKey = stack.earlierVolume;
  if (volumeKey === null) return [];
  const probe = { host, signal, limitMs: answerLimitMs(host) };
  const found = await withinLimit(probe, async (stop) => {
    const volumes = await findComposeVolumes(host, volumeKey, stop);
    return Promise.all(
      volumes.map(async ({ name }): Promise<FoundVolume> => {
        const asked = { stackDir, storage: `volume:${name}`, signal: stop };
        const folder = await reachStorage(host, asked).catch(() => null);
        return { name, bytes: folder === null ? null : await sizeOf(host, folder) };
      }),
    );
  });
  if (found === late) return [];
  return found
    .filter(({ bytes }) => bytes !== 0)
    .toSorted((one, other) => (other.bytes ?? 0) - (one.bytes ?? 0));
}

/** What the files below a folder take, those behind links not counted again. */
async function sizeOf({ files }: Pick<Host, "files">, folder: string): Promise<number> {
  const entries = await files.readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      files.lstat(path.join(parentPath, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
