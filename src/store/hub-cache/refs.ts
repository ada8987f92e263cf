import { join } from "node:path";
import type { Files } from "../../host/host.ts";
import { openUnlinked } from "../../host/own-file.ts";

/** A commit has 40, and whoever wrote it may have ended the line. */
const mostBytes = 200;

/**
 * The commit that the cache has of a branch, as it is written; empty where it has none. Others may write there: a pipe
 * would be waited for without end, and what a link leads to may have none.
 */
export async function readRef(
  files: Pick<Files, "open">,
  refs: string,
  name: string,
): Promise<string> {
  const handle = await openUnlinked(files, join(refs, name)).catch(() => null);
  if (handle === null) return "";
  try {
    const found = await handle.stat();
    return found.isFile() && found.size <= mostBytes ? await handle.readFile("utf8") : "";
  } catch {
    return "";
  } finally {
    await handle.close();
  }
}
