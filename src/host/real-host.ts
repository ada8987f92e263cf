import fs from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { childEnv } from "./processes.ts";
import { realFileLocks } from "./file-locks.ts";
import type { Clock, Host } from "./host.ts";
import { realNetwork } from "./network.ts";
import { realProcesses } from "./processes.ts";
import { realSystem } from "./system.ts";

export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  async sleep(ms, signal) {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
};

export interface HostFacts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly cwd: string;
  readonly pid: number;
  readonly platform: string;
  /** As Node names it: `arm64`, `x64`. */
  readonly nodeArch: string;
}

/** The real files, processes, network and clock of this machine. */
export function realHost({ nodeArch, ...facts }: HostFacts): Host {
  const env = childEnv(facts.env);
  const linuxNames: Record<string, string> = { arm64: "aarch64", x64: "x86_64" };
  return {
    ...facts,
    arch: linuxNames[nodeArch] ?? nodeArch,
    files: fs,
    processes: realProcesses(env),
    network: realNetwork(facts.env),
    fileLocks: realFileLocks(env),
    system: realSystem,
    clock: realClock,
    random: Math.random,
  };
}
