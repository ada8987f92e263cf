import { join } from "node:path";
import type { Files } from "../host/host.ts";
import { openUnlinked, readShortText } from "../host/own-file.ts";
import { stagingName, writeSafely } from "./contents.ts";

/** Of a file in a store that says what heros itself made old: nothing else there is ours to remove. */
const fileName = "superseded";
const maxBytes = 1024 * 1024;
/** A line is at most a name of the Hub, an at sign and 40 digits. */
const maxEntries = 4000;

/**
 * What an update made old in a store: `OWNER/REPO@COMMIT` of the Hub's cache, `sha256:…` of a blob of Ollama's. Whether something
 * still needs it is to be asked at the time.
 * @param folder of the store
 */
export async function readSuperseded(
  files: Pick<Files, "open">,
  folder: string,
): Promise<readonly string[]> {
  const text = await readShortText(openUnlinked(files, placeOf(folder)), maxBytes);
  return text.split("\n").filter((line) => line !== "" && line.length <= 240);
}

/** Notes more of it; of too much, what was noted first is dropped. @throws Node's errors */
export async function noteSuperseded(
  files: Pick<Files, "open" | "mkdir" | "rename" | "rm">,
  folder: string,
  entries: readonly string[],
): Promise<void> {
  const known = await readSuperseded(files, folder);
  const all = [...new Set([...known, ...entries])].slice(-maxEntries);
  if (all.length === known.length) return;
  const path = placeOf(folder);
  await writeSafely(files, { path, temporary: `${path}.new`, bytes: `${all.join("\n")}\n` });
}

function placeOf(folder: string): string {
  return join(folder, stagingName, fileName);
}
