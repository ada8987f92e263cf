import fs, { readFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { realFileLocks } from "./file-locks.ts";
import { routeFiles } from "./file-routes.ts";
import type { Clock, Host, System } from "./host.ts";
import type { HttpClient } from "./http-client.ts";
import type { Network } from "./network.ts";
import { errorCode } from "../run/failure.ts";
import { parseMountTable } from "./places.ts";
import { childEnv, realProcesses } from "./processes.ts";

export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  async sleep(ms, signal) {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
};

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
  tasksPerCore: () => (loadavg()[0] ?? 0) / availableParallelism(),
};

/** The real network. `env` holds the proxies. What speaks HTTP and TLS is loaded with the first request: most runs of heros make none. */
export function realNetwork(env: Readonly<Record<string, string | undefined>>): Network {
  let opened: Promise<HttpClient> | null = null;
  const open = (): Promise<HttpClient> =>
    (opened ??= import("./http-client.ts").then(({ createHttpClient }) => createHttpClient(env)));
  return {
    request: async (request) => (await open()).request(request),
    read: async (request) => (await open()).read(request),
    async portIsFree(port) {
      const { createServer } = await import("node:net");
      return new Promise((resolve) => {
        const server = createServer();
        // Nobody but root may try one of the lowest ports, free or not.
        server.once("error", (error) => resolve(errorCode(error) === "EACCES"));
        server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
      });
    },
    async listen(answer, options = {}) {
      const { listenHttp } = await import("./listen.ts");
      return listenHttp(answer, options);
    },
    async joinMulticast(options) {
      const { joinMulticast } = await import("./multicast.ts");
      return joinMulticast(options);
    },
    closeIdle: () => void opened?.then((client) => client.closeIdle()),
    close: () => void opened?.then((client) => client.close()),
  };
}

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
    ...routeFiles(fs, realFileLocks(env)),
    processes: realProcesses(env),
    network: realNetwork(facts.env),
    system: realSystem,
    clock: realClock,
    random: Math.random,
  };
}
