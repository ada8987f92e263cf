import { percent } from "../figure.ts";
import { join } from "node:path";
import { median } from "../figure.ts";
import type { Contestant } from "./contestants.ts";
import { requireHash } from "./downloaded.ts";
import { hostFiles } from "./hosted-files.ts";
import { killAfter, measure } from "./run-to-end.ts";
import { withServer, type Server } from "./server.ts";
import type { Outcome, Setup } from "./setup.ts";
import { oneFile } from "./specs.ts";
import type { Target } from "./targets.ts";
import { insideFolder } from "./workplace.ts";

/**
 * One GB: heros killed at random moments over connections of 20 MB/s each, as many as it likes; the others once at
 * half of their time on an open link, where those with one connection don't take minutes.
 */
export async function measureKills(setup: Setup): Promise<Outcome> {
  const { dir, kills, field, scale } = setup;
  const host = (folder: string) => hostFiles(folder, oneFile(1e9 * scale));
  const link = { bytesPerSecondPerConnection: 20e6, sendBufferBytes: 64 * 1024 };
  const random = Array.from({ length: kills }, () => Math.random());
  const shares = await withServer({ dir, host, link }, (server) =>
    killAt({ setup, server, contestant: field.heros, moments: random }),
  );
  const peers = [field.aria2, field.curl, field.library, ...field.python];
  const notes: string[] = [];
  await withServer({ dir, host }, async (server) => {
    for (const contestant of peers.filter(setup.has)) {
      const [share = Number.NaN] = await killAt({ setup, server, contestant, moments: [0.5] });
      notes.push(`Killed at half, ${contestant.name} fetched ${percent(share)} twice.`);
    }
  });
  return { results: [], targets: [targetOf(shares)], notes };
}

interface Killing {
  readonly setup: Setup;
  readonly server: Server;
  readonly contestant: Contestant;
  /** Shares of the time that a whole run takes. */
  readonly moments: readonly number[];
}

/** For each moment, what was fetched above one whole run, as a share of it. */
export async function killAt({ setup, server, contestant, moments }: Killing): Promise<number[]> {
  const { into, field } = setup;
  const prepareIn = (folder: string) => contestant.prepare({ folder, server });
  const { wallMs } = await insideFolder(into, "whole-", async (folder) =>
    measure(await prepareIn(folder), join(folder, "log.txt")),
  );
  const shares: number[] = [];
  for (const moment of moments) {
    await insideFolder(into, "killed-", async (folder) => {
      const command = await prepareIn(folder);
      await server.takeTraffic();
      await killAfter(command, wallMs * (0.05 + 0.9 * moment));
      await measure(command, join(folder, "log.txt"));
      const { sentBytes } = await server.takeTraffic();
      if (contestant === field.heros) await requireHash(folder, server);
      const share = sentBytes / server.totalBytes - 1;
      shares.push(share);
      console.error(
        `kill at ${moment.toFixed(2)}: ${contestant.name}: ${percent(share)} fetched twice`,
      );
    });
  }
  return shares;
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
