import type { RepoSpec } from "../../src/demo/hub/repository.ts";
import { measureCached } from "./cached.ts";
import { hostFiles } from "./hosted-files.ts";
import { measureKills } from "./kills.ts";
import type { Link } from "./nginx-config.ts";
import { runRace, type Race, type Result } from "./race.ts";
import { withServer } from "./server.ts";
import type { Outcome, Setup } from "./setup.ts";
import { catalogPath, herOs, oneFile, smallFiles } from "./specs.ts";
import { atLeast, atMost } from "./targets.ts";
import { xetScenarios } from "./xet/races.ts";

const gigabyte = 1e9;
const cappedBytesPerSecond = 20e6;

export const scenarios = {
  async one(setup: Setup): Promise<Outcome> {
    const { heros, aria2, curl, library, python } = setup.field;
    const scenario = `one file of ${gigabytes(2 * setup.scale)}`;
    const results = await race(setup, oneFile(2 * gigabyte * setup.scale), {
      scenario,
      contestants: [heros, aria2, curl, library, ...python],
    });
    return {
      results,
      targets: [
        ...atLeast({ what: scenario, bound: 1.25, peers: [aria2.name], results }),
        ...atLeast({ what: scenario, bound: 1.5, peers: [curl.name], results }),
        ...atMost({
          what: "CPU for a verified GB",
          bound: 1.2,
          peer: curl.name,
          results,
          by: "cpuMs",
        }),
      ],
    };
  },

  async set(setup: Setup): Promise<Outcome> {
    const { heros, aria2, curl, library, python } = setup.field;
    const scenario = `her-os set, ${gigabytes(setup.scale)}`;
    const peers = [aria2, curl, library, ...python];
    const results = await race(setup, herOs(gigabyte * setup.scale), {
      scenario,
      contestants: [heros, ...peers],
      catalog: catalogPath,
    });
    const names = peers.map(({ name }) => name);
    return { results, targets: atLeast({ what: scenario, bound: 1.25, peers: names, results }) };
  },

  async capped(setup: Setup): Promise<Outcome> {
    const { heros, aria2, curl } = setup.field;
    const scenario = `20 MB/s a connection, ${gigabytes(setup.scale)}`;
    const link = { bytesPerSecondPerConnection: cappedBytesPerSecond };
    const results = await race(
      setup,
      oneFile(gigabyte * setup.scale),
      { scenario, contestants: [heros, aria2, curl] },
      link,
    );
    return {
      results,
      targets: [
        ...atLeast({ what: scenario, bound: 1, peers: [aria2.name], results }),
        ...atLeast({ what: scenario, bound: 10, peers: [curl.name], results }),
      ],
    };
  },

  async small(setup: Setup): Promise<Outcome> {
    const { heros, aria2, curl, library, python } = setup.field;
    const count = Math.max(50, Math.round(2000 * setup.scale));
    const scenario = `${count} small files, 30 ms before each answer`;
    const contestants = [heros, aria2, curl, ...python, library];
    const results = await race(
      setup,
      smallFiles(count),
      { scenario, contestants },
      { latencyMs: 30 },
    );
    return {
      results,
      targets: atLeast({ what: scenario, bound: 8, peers: [library.name], results }),
    };
  },

  cached: measureCached,
  kills: measureKills,
  ...xetScenarios,
} as const;

function race(
  setup: Setup,
  specs: readonly RepoSpec[],
  wanted: Pick<Race, "scenario" | "contestants" | "catalog">,
  link: Link = {},
): Promise<Result[]> {
  const { dir, into, rounds } = setup;
  const host = (folder: string) => hostFiles(folder, specs);
  const present = wanted.contestants.filter(setup.has);
  return withServer({ dir, host, link }, (server) =>
    runRace({ ...wanted, contestants: present, server, into, rounds }),
  );
}

function gigabytes(count: number): string {
  return `${Number(count.toFixed(2))} GB`;
}
