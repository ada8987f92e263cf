import { late, type Late, type Probe, readTextInTime, withinLimit } from "../host/time-limit.ts";

export interface Memory {
  readonly totalBytes: number;
  /** What a program can still have, GPU memory included where it is shared. */
  readonly availableBytes: number;
  /** How much of that is swap. */
  readonly swapBytes: number;
}

/**
 * What is free by NVIDIA's rule for unified memory: MemAvailable + SwapFree; where huge pages are set aside,
 * HugePages_Free × Hugepagesize and no swap. (DGX Spark user guide, known issues: memory reporting.)
 * @param text all of /proc/meminfo
 */
export function parseMeminfo(text: string): Memory | null {
  const field = (name: string): number | null => {
    const digits = new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1];
    return digits === undefined ? null : Number(digits);
  };
  const total = field("MemTotal");
  const available = field("MemAvailable");
  if (total === null || available === null) return null;
  const hugePages = field("HugePages_Total") ?? 0;
  const swapKib = hugePages === 0 ? (field("SwapFree") ?? 0) : 0;
  const availableKib =
    hugePages === 0
      ? available + swapKib
      : (field("HugePages_Free") ?? 0) * (field("Hugepagesize") ?? 0);
  return {
    totalBytes: total * 1024,
    availableBytes: availableKib * 1024,
    swapBytes: swapKib * 1024,
  };
}

/** Asks the host, and refines what is free by the kernel's own table. Null where neither answers. */
export async function askMemory(probe: Probe): Promise<Memory | null> {
  const [reported, table] = await Promise.all([
    withinLimit(probe, () => probe.host.system.memory().catch((): Late => late)),
    readTextInTime(probe, "/proc/meminfo"),
  ]);
  const parsed = table === null ? null : parseMeminfo(table);
  if (reported === late) return parsed;
  return {
    availableBytes: reported.availableBytes,
    swapBytes: 0,
    ...parsed,
    totalBytes: reported.totalBytes,
  };
}
