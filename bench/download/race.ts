import { join } from "node:path";
import { median } from "../figure.ts";
import type { Contestant, Job } from "./contestants.ts";
import { measure, runToEnd, type Cost } from "./run-to-end.ts";
import { insideFolder } from "./workplace.ts";

export interface Race {
  readonly scenario: string;
  readonly server: Job["server"];
  readonly catalog?: string;
  /** Where they write. */
  readonly into: string;
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
}

/** Medians over a contestant's runs. */
export interface Result extends Cost {
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
  const costs = new Map(race.contestants.map((contestant) => [contestant, [] as Cost[]]));
  for (let round = 0; round < race.rounds; round += 1) {
    for (const contestant of rotate(race.contestants, round)) {
      const before = costs.get(contestant) ?? [];
      if (before.some(({ wallMs }) => wallMs > patienceMs)) continue;
      const cost = await runOnce(race, contestant);
      before.push(cost);
      console.error(`${race.scenario}: ${contestant.name}: ${(cost.wallMs / 1000).toFixed(2)} s`);
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
  runs: readonly Cost[];
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
  };
}

function runOnce({ into, ...race }: Race, contestant: Contestant): Promise<Cost> {
  return insideFolder(into, "run-", async (folder) => {
    const command = await contestant.prepare({ folder, ...race });
    await runToEnd("sync", []);
    return measure(command, join(folder, "log.txt"));
  });
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
