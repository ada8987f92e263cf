import path from "node:path";
import type { Host } from "../host/host.ts";
import { errorCode } from "../run/failure.ts";
import { isRecord, parseJson } from "../run/json.ts";
import { readState } from "./state-dir.ts";

/** A stack that somebody set up, or began to. */
export interface KnownStack {
  /** Absolute. */
  readonly stackDir: string;
  /** Its answers, in the state folder. */
  readonly file: string;
  /** Its setup came to an end. */
  readonly finished: boolean;
}

/** One for each stack, so that no setup of one writes what another's has to keep. */
export function stackAnswersFile(stateDir: string, stackDir: string): string {
  const encoded = encodeURIComponent(stackDir);
  // A disk allows 255 characters; of two long paths the ends may be the same.
  const name = encoded.length <= 200 ? encoded : `${checksum(encoded)}-${encoded.slice(-180)}`;
  return path.join(stateDir, "stacks", `${name}.json`);
}

/** FNV-1a in 64 bits: what Node has for it would be loaded by each pull for this alone. */
function checksum(text: string): string {
  let hash = 0xcb_f2_9c_e4_84_22_23_25n;
  for (const byte of Buffer.from(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x1_00_00_00_01_b3n);
  }
  return hash.toString(16).padStart(16, "0");
}

/** More of them nobody has on one machine. */
const mostStacks = 100;

/** By their folders. What can't be read is none. */
export async function listKnownStacks(host: Host, stateDir: string): Promise<KnownStack[]> {
  const folder = path.join(stateDir, "stacks");
  const names = await host.files.readdir(folder).catch(() => []);
  const found = names
    .filter((name) => name.endsWith(".json"))
    .slice(0, mostStacks)
    .map(async (name): Promise<KnownStack[]> => {
      const file = path.join(folder, name);
      const kept = parseJson(await readState(host.files, file));
      const stackDir = isRecord(kept) ? kept["stackDir"] : null;
      if (!isRecord(kept) || typeof stackDir !== "string" || !path.isAbsolute(stackDir)) return [];
      return [{ stackDir, file, finished: kept["finished"] === true }];
    });
  const stacks = (await Promise.all(found)).flat();
  return stacks.toSorted((one, other) => (one.stackDir < other.stackDir ? -1 : 1));
}

/** One whose folder is gone. A state folder that can't be written keeps it. */
export async function forgetStack(host: Host, { file }: KnownStack): Promise<void> {
  await host.files.rm(file, { force: true }).catch(() => {});
}

/** Whether a folder was deleted; one that can't be looked at is there. */
export async function isGone(host: Host, folder: string): Promise<boolean> {
  return host.files.stat(folder).then(
    () => false,
    (error: unknown) => errorCode(error) === "ENOENT",
  );
}
