import path from "node:path";
import type { Host } from "../../host/host.ts";
import type { DownloadProgress } from "../../run/events/download.ts";
import type { SurveyedModel } from "../store.ts";
import { stagingName } from "../contents.ts";

/** What the stack can read of a download while it lasts: `.heros/progress.json` in the cache that is mounted. */
export interface ProgressFile {
  /** Written at most once a second. */
  note(progress: DownloadProgress): void;
  /** Removes it, and what a killed run left of it: without a download there is no progress. Ends once nothing is written any more. */
  close(): Promise<void>;
}

const everyMs = 1000;

/** A file that can't be written tells nobody anything, and harms no download. */
export function openProgressFile(
  { files, clock }: Pick<Host, "files" | "clock">,
  { cacheDir, models }: { readonly cacheDir: string; readonly models: readonly SurveyedModel[] },
): ProgressFile {
  const file = path.join(cacheDir, stagingName, "progress.json");
  const partsOf = new Map(
    models.map(({ id, snapshots }) => [
      id,
      snapshots.map(({ repo, commit }) => ({ repo, commit })),
    ]),
  );
  const temporary = `${file}.new`;
  let writing: Promise<void> | null = null;
  let writtenMs = Number.NEGATIVE_INFINITY;
  let isClosed = false;

  /** Through one name, whoever writes, so that a killed run leaves nothing that the next does not remove. */
  async function write(text: string): Promise<void> {
    await files.rm(temporary, { force: true });
    // What somebody put there meanwhile, a link even, is not written to.
    const handle = await files.open(temporary, "wx");
    try {
      await handle.writeFile(text);
      // Whoever runs in a container may be anybody.
      await handle.chmod(0o644);
    } finally {
      await handle.close();
    }
    await files.rename(temporary, file);
  }

  return {
    note(progress) {
      const nowMs = clock.monotonicMs();
      if (isClosed || writing !== null || nowMs - writtenMs < everyMs) return;
      writtenMs = nowMs;
      const content = {
        schema: 1,
        updatedAt: clock.now().toISOString(),
        models: progress.models.map(({ id, state, receivedBytes, totalBytes }) => ({
          id,
          state,
          percent: percentOf(receivedBytes, totalBytes, state === "ready"),
          parts: partsOf.get(id) ?? [],
        })),
      };
      const text = `${JSON.stringify(content)}\n`;
      writing = write(text)
        .catch(() => {})
        .finally(() => (writing = null));
    },
    async close() {
      isClosed = true;
      await writing;
      for (const left of [file, temporary]) await files.rm(left, { force: true }).catch(() => {});
      // Where nothing else is in it.
      await files.rmdir(path.dirname(file)).catch(() => {});
    },
  };
}

/** All of it only once it is verified. */
function percentOf(receivedBytes: number, totalBytes: number, isReady: boolean): number {
  if (isReady) return 100;
  return totalBytes === 0 ? 0 : Math.min(99, Math.floor((receivedBytes / totalBytes) * 100));
}
