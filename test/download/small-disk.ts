import { spawnSync } from "node:child_process";

/** A disk of its own at this folder; null where this user may mount none. */
export function mountDisk(folder: string, options = ""): Disposable | null {
  const given = `size=256m${options === "" ? "" : `,${options}`}`;
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", given, "heros-test", folder]);
  if (status !== 0) return null;
  return { [Symbol.dispose]: () => void spawnSync("umount", ["-l", folder]) };
}
