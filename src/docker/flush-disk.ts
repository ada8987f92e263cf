import path from "node:path";
import type { Host } from "../host/host.ts";

/** What access(2) is asked. */
const mayRead = 4;
const flushLimitMs = 60_000;

/**
 * Brings to the disk what Docker has unpacked, while the rest still comes. To create a container Docker unmounts a layer, for which the
 * kernel writes all that is not on that disk yet: without this, Annie's start waits for most of her image.
 */
export function createDiskFlusher(
  { files, processes }: Pick<Host, "files" | "processes">,
  engineDir: string | null,
): () => void {
  let folder: Promise<string | null> | null = null;
  let state: "idle" | "busy" | "again" = "idle";

  const isReadable = async (at: string): Promise<boolean> =>
    files.access(at, mayRead).then(
      () => true,
      () => false,
    );

  /** Only root can open Docker's own; what is above it may be on another disk. */
  async function openable(): Promise<string | null> {
    if (engineDir === null) return null;
    try {
      const { dev } = await files.stat(engineDir);
      for (let at = engineDir; ; at = path.dirname(at)) {
        if ((await files.stat(at)).dev !== dev) return null;
        if (await isReadable(at)) return at;
        if (at === path.dirname(at)) return null;
      }
    } catch {
      return null;
    }
  }

  async function flush(): Promise<void> {
    const at = await (folder ??= openable());
    if (at === null) return;
    do {
      state = "busy";
      // Nobody waits for it, and it can't be stopped while it writes.
      await processes.run({ command: "sync", args: ["-f", at], timeoutMs: flushLimitMs });
    } while (isAgain());
    state = "idle";
  }
  const isAgain = (): boolean => state === "again";

  return () => {
    if (state === "idle") {
      state = "busy";
      flush().catch(() => {});
    } else state = "again";
  };
}
