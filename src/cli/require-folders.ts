import { askPlace } from "../machine/disks.ts";
import { late } from "../machine/time-limit.ts";
import { closedFolder } from "../progress/closed-folder.ts";
import { fileFailure, type FilePlace } from "../progress/file-failures.ts";
import type { Work } from "../setup/request.ts";

const limitMs = 4000;

/**
 * Whether these folders can be written to, or made, judged without touching them.
 * @throws Failure `stack.not_writable`, `cache.not_writable`, `disk.unsupported` (exit 1)
 */
export async function requireFolders(
  { host, signal }: Pick<Work, "host" | "signal">,
  places: readonly FilePlace[],
): Promise<void> {
  for (const place of places) {
    const found = await askPlace({ host, signal, limitMs }, place.folder);
    if (found === late) continue;
    const { existing, writable, totalBytes } = found;
    await host.files.readdir(existing).catch((error: unknown) => {
      throw fileFailure(error, place) ?? error;
    });
    // /proc and /sys hold no files of anybody.
    const cause = Object.assign(new Error("no room for files"), {
      code: "ENOTSUP",
      path: existing,
    });
    if (totalBytes === 0) throw fileFailure(cause, place) ?? cause;
    if (!writable) throw closedFolder({ ...place, existing, home: host.home });
  }
}
