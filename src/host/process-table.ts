import { join } from "node:path";
import type { Files } from "./host.ts";
import { isThere } from "./places.ts";

/** Whether a process of this machine is no more; in doubt, as without /proc, it is not. */
export async function isDead(files: Pick<Files, "access">, pid: string): Promise<boolean> {
  return !(await isThere({ files }, `/proc/${pid}`)) && (await isThere({ files }, "/proc/self"));
}

/** Removes what killed processes left in a folder. What can't be removed stays, and harms nobody. */
export async function removeOfDead(
  files: Pick<Files, "access" | "readdir" | "rm">,
  folder: string,
  /** The process that an entry is named after; null for what is none of ours. */
  ownerOf: (name: string) => string | null,
): Promise<void> {
  for (const name of await files.readdir(folder).catch(() => [])) {
    const pid = ownerOf(name);
    if (pid === null || !(await isDead(files, pid))) continue;
    await files.rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
  }
}

/** Names this start of the machine; "" where the system does not tell. */
export async function readBootId(files: Pick<Files, "readFile">): Promise<string> {
  const text = await files.readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  return text.trim();
}
