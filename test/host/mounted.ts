import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const run = promisify(execFile);

/** Mounts a file system in memory there until the test ends; false where this user or machine can't, but never where everything is checked. */
export async function mountMemory(folder: string, options: string): Promise<boolean> {
  try {
    await run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder]);
  } catch (error) {
    if (process.env["CI"] !== undefined) throw error;
    return false;
  }
  onTestFinished(async () => {
    // What ended a moment ago may still have a file open there, such as the helper that holds locks.
    await run("umount", ["-l", folder]);
  });
  return true;
}

/** @param options `ro`, `rw` */
export async function remount(folder: string, options: string): Promise<void> {
  await run("mount", ["-o", `remount,${options}`, folder]);
}
