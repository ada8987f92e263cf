import { existsSync } from "node:fs";
import { join } from "node:path";
import { median } from "../figure.ts";
import type { Contestant } from "./contestants.ts";
import { hostFiles } from "./hosted-files.ts";
import { killAfter, measure, runToEnd } from "./run-to-end.ts";
import { withServer, type Server } from "./server.ts";
import type { Outcome, Setup } from "./setup.ts";
import { oneFile } from "./specs.ts";
import type { Target } from "./targets.ts";
import { insideFolder } from "./workplace.ts";

const cappedBytesPerSecond = 20e6;

/** One GB over connections of 20 MB/s each: heros killed at random moments, the others once at half. */
export function measureKills(setup: Setup): Promise<Outcome> {
  const { dir, into, kills, field, scale } = setup;
  const host = (folder: string) => hostFiles(folder, oneFile(1e9 * scale));
  const link = { bytesPerSecondPerConnection: cappedBytesPerSecond };
  return withServer({ dir, host, link }, async (server) => {
    const { heros, aria2, curl, library, python } = field;
    const random = Array.from({ length: kills }, () => Math.random());
    const target = targetOf(await killed(heros, random));
    const notes: string[] = [];
    for (const peer of [aria2, curl, library, ...python.slice(0, 1)].filter(setup.has)) {
      const [share = Number.NaN] = await killed(peer, [0.5]);
      notes.push(`Killed at half, ${peer.name} fetched ${percent(share)} twice.`);
    }
    return { results: [], targets: [target], notes };

    /** What was fetched twice, as shares of the whole, by the moment of the kill. */
    async function killed(contestant: Contestant, moments: readonly number[]): Promise<number[]> {
      const wallMs = await wholeRun(contestant);
      const shares: number[] = [];
      for (const moment of moments) {
        const twice = await killedRun(contestant, wallMs * (0.05 + 0.9 * moment));
        shares.push(twice / server.totalBytes);
        console.error(`kill: ${contestant.name}: ${percent(shares.at(-1) ?? 0)} fetched twice`);
      }
      return shares;
    }

    function wholeRun(contestant: Contestant): Promise<number> {
      return insideFolder(into, "whole-", async (folder) => {
        const command = await contestant.prepare({ folder, server });
        return (await measure(command, join(folder, "log.txt"))).wallMs;
      });
    }

    /** Bytes above what one run would fetch. */
    function killedRun(contestant: Contestant, afterMs: number): Promise<number> {
      return insideFolder(into, "killed-", async (folder) => {
        const command = await contestant.prepare({ folder, server });
        await server.takeTraffic();
        await killAfter(command, afterMs);
        await measure(command, join(folder, "log.txt"));
        const { sentBytes } = await server.takeTraffic();
        if (contestant === heros) await requireHash(folder, server);
        return sentBytes - server.totalBytes;
      });
    }
  });
}

/** @throws Error where a file in the cache is not what was served */
async function requireHash(folder: string, { files }: Server): Promise<void> {
  for (const { repo, blobName, sha256 } of files) {
    const blob = join(folder, "cache", `models--${repo.replace("/", "--")}`, "blobs", blobName);
    if (!existsSync(blob)) throw new Error(`${blob} is not there`);
    await runToEnd("bash", ["-c", 'echo "$1  $2" | sha256sum -c --quiet', "bash", sha256, blob]);
  }
}

function targetOf(shares: readonly number[]): Target {
  const most = Math.max(...shares);
  return {
    what: `kill -9 at ${shares.length} random moments, hash holds`,
    heros: `median ${percent(median(shares))}`,
    beside: "",
    measured: `${percent(most)} fetched twice at most`,
    wanted: "≤ 1%",
    holds: most <= 0.01,
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
