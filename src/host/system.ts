import { readFile } from "node:fs/promises";
import { type FileSystem, parseMountTable } from "./mount-table.ts";

/** What the kernel says of memory and file systems. */
export interface System {
  memory(): Promise<{ readonly totalBytes: number; readonly availableBytes: number }>;
  fileSystems(): Promise<readonly FileSystem[]>;
}

/** Memory by systeminformation, whose `mem` is quick and right; its other calls block on tools without a time limit. Imported when first asked. */
export const realSystem: System = {
  async memory() {
    const { mem } = await import("systeminformation");
    const { total, available } = await mem();
    return { totalBytes: total, availableBytes: available };
  },
  async fileSystems() {
    return parseMountTable(await readFile("/proc/self/mountinfo", "utf8"));
  },
};
