import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import path from "node:path";

export interface SmallDisk extends Disposable {
  readonly folder: string;
  grow(bytes: number): void;
  /** Leaves no room on it. */
  fill(): void;
  empty(): void;
}

/** A disk of its own at this folder, in memory. */
export function mountDisk(folder: string, bytes: number): SmallDisk {
  const mount = (options: string): void =>
    void execFileSync("mount", ["-t", "tmpfs", "-o", options, "heros-test", folder]);
  const filler = path.join(folder, "filler");
  mount(`size=${Math.ceil(bytes)}`);
  return {
    folder,
    grow: (more) => mount(`remount,size=${Math.ceil(more)}`),
    fill() {
      const file = openSync(filler, "w");
      try {
        for (const piece = Buffer.alloc(1 << 20); ;) writeSync(file, piece);
      } catch {
        // It is full.
      } finally {
        closeSync(file);
      }
    },
    empty: () => rmSync(filler),
    [Symbol.dispose]: () => void execFileSync("umount", ["-l", folder]),
  };
}
