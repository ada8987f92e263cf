import { join } from "node:path";
import { median } from "../figure.ts";
import type { Contestant } from "./contestants.ts";
import { requireHash } from "./downloaded.ts";
import { measure, runToEnd, type Cost } from "./run-to-end.ts";
import type { Server } from "./server.ts";
import { insideFolder } from "./workplace.ts";

export interface Race {
  readonly scenario: string;
  readonly server: Server;
  readonly catalog?: string;
  /** Where they write. */
  readonly into: string;
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
}

/** What one run took, of the machine and of the server. */
export interface Run extends Cost {
  readonly sentBytes: number;
}

/** Medians over a contestant's runs. */
export interface Result extends Run {
  readonly scenario: string;
  readonly contestant: string;
  readonly verifies: boolean;
  readonly runs: number;
  readonly bytes: number;
}

/** One that took longer is not run again. */
const patienceMs = 40_000;

/** Everyone in turn, another first each round, each with nothing but the server's page cache warm. */
export async function runRace(race: Race): Promise<Result[]> {
  const costs = new Map(race.contestants.map((contestant) => [contestant, [] as Run[]]));
  for (let round = 0; round < race.rounds; round += 1) {
    for (const contestant of rotate(race.contestants, round)) {
      const before = costs.get(contestant) ?? [];
      if (before.some(({ wallMs }) => wallMs > patienceMs)) continue;
      const cost = await runOnce(race, contestant);
      before.push(cost);
      console.error(
        `${race.scenario}: ${contestant.name}: ${(cost.wallMs / 1000).toFixed(2)} s, ${(cost.sentBytes / 1e6).toFixed(0)} MB`,
      );
    }
  }
  const bytes = race.server.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return [...costs].map(([contestant, runs]) =>
    summarise({ scenario: race.scenario, contestant, bytes, runs }),
  );
}

export function summarise({
  scenario,
  contestant: { name, verifies },
  bytes,
  runs,
}: {
  scenario: string;
  contestant: Pick<Contestant, "name" | "verifies">;
  bytes: number;
  runs: readonly Run[];
}): Result {
  return {
    scenario,
    contestant: name,
    verifies,
    runs: runs.length,
    bytes,
    wallMs: median(runs.map(({ wallMs }) => wallMs)),
    cpuMs: median(runs.map(({ cpuMs }) => cpuMs)),
    peakBytes: median(runs.map(({ peakBytes }) => peakBytes)),
    sentBytes: median(runs.map(({ sentBytes }) => sentBytes)),
  };
}

function runOnce({ into, ...race }: Race, contestant: Contestant): Promise<Run> {
  return insideFolder(into, "run-", async (folder) => {
    const command = await contestant.prepare({ folder, ...race });
    await runToEnd("sync", []);
    await race.server.takeTraffic();
    const cost = await measure(command, join(folder, "log.txt"));
    const { sentBytes, xorbBytes } = await race.server.takeTraffic();
    if (contestant.viaXet === true) {
      if (xorbBytes === 0) throw new Error(`${contestant.name} has not used Xet`);
      await requireHash(folder, race.server);
    }
    return { ...cost, sentBytes };
  });
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
