import type { ByteSource } from "../../../src/demo/hub/content.ts";
import type { Contestant } from "../contestants.ts";
import { holdsHash } from "../downloaded.ts";
import { percent } from "../../figure.ts";
import { killAt } from "../kills.ts";
import type { Link } from "../nginx-config.ts";
import { runRace } from "../race.ts";
import { statusOf } from "../run-to-end.ts";
import { serve, withHosted, withServer, type Server } from "../server.ts";
import type { Outcome, Setup } from "../setup.ts";
import { atLeast, type Target } from "../targets.ts";
import { bf16Weights, noise } from "../weights.ts";
import { insideFolder } from "../workplace.ts";
import { damage, hostInXet } from "./hosted.ts";

/** A setup in which Python's client can be had. */
type XetSetup = Setup & { readonly venv: string };

/** heros, which asks for the file itself, beside Python's client, which asks the same nginx for its chunks. */
export const xetScenarios = {
  xet: (setup: Setup) => measure(setup, [(ready) => raceOver(ready, [openLink]), flipOneByte]),
  "xet-capped": (setup: Setup) => measure(setup, [(ready) => raceOver(ready, cappedLinks)]),
  "xet-kills": (setup: Setup) => measure(setup, [killAtHalf]),
} as const;

/** Nothing where Python's client can't be had. */
async function measure(
  setup: Setup,
  parts: readonly ((setup: XetSetup) => Promise<Outcome>)[],
): Promise<Outcome> {
  const { venv } = setup;
  const outcomes: Outcome[] = [];
  if (venv !== null) for (const part of parts) outcomes.push(await part({ ...setup, venv }));
  return {
    results: outcomes.flatMap(({ results }) => results),
    targets: outcomes.flatMap(({ targets }) => targets),
  };
}

interface RacedLink extends Link {
  readonly title: string;
  /** How many times as fast as hf_xet heros should be. */
  readonly bound: number;
}

const openLink: RacedLink = { title: "open link", bound: 1.2 };
const cappedLinks: readonly RacedLink[] = [
  { title: "20 MB/s a connection", bound: 3, bytesPerSecondPerConnection: 20e6 },
  { title: "4 MB/s a connection", bound: 3, bytesPerSecondPerConnection: 4e6 },
];

const contents: readonly {
  readonly title: string;
  readonly make: (seed: string, sizeBytes: number) => ByteSource;
}[] = [
  { title: "noise", make: noise },
  { title: "bf16 weights", make: bf16Weights },
];

async function raceOver(setup: XetSetup, links: readonly RacedLink[]): Promise<Outcome> {
  const { dir, into, rounds, scale, venv } = setup;
  const { heros, aria2, xet } = setup.field;
  const contestants = [heros, aria2, ...xet].filter(setup.has);
  const outcome = { results: [], targets: [] } as {
    results: Outcome["results"];
    targets: Target[];
  };
  for (const { title: bytes, make } of contents) {
    const host = (folder: string) => hostInXet(folder, venv, make("weights", 1e9 * scale));
    await withHosted({ dir, host }, async (hosted) => {
      for (const { title, bound, ...link } of links) {
        const scenario = `${title}, ${Number(scale.toFixed(2))} GB of ${bytes}`;
        const results = await serve(hosted, link, (server) =>
          runRace({ scenario, server, contestants, into, rounds }),
        );
        outcome.results = [...outcome.results, ...results];
        for (const { name } of xet)
          outcome.targets.push(...atLeast({ what: scenario, bound, peers: [name], results }));
      }
    });
  }
  return outcome;
}

/** heros as often as there are rounds, the others once: all over the same link. */
async function killAtHalf(setup: XetSetup): Promise<Outcome> {
  const { dir, rounds, scale, venv, field } = setup;
  const host = (folder: string) => hostInXet(folder, venv, noise("killed", 1e9 * scale));
  const link = { bytesPerSecondPerConnection: 20e6, sendBufferBytes: 64 * 1024 };
  return withServer({ dir, host, link }, async (server) => {
    const kill = (contestant: Contestant, times: number) =>
      killAt({ setup, server, contestant, moments: Array.from({ length: times }, () => 0.5) });
    const most = Math.max(...(await kill(field.heros, rounds)));
    const targets: Target[] = [];
    for (const peer of field.xet) {
      const [share = Number.NaN] = await kill(peer, 1);
      targets.push({
        what: "kill -9 at half, fetched twice",
        heros: `${percent(most)} at most, of ${rounds}`,
        beside: `${peer.name}: ${percent(share)}`,
        measured: "",
        wanted: "≤ 1%",
        holds: most <= 0.01,
      });
    }
    return { results: [], targets };
  });
}

/** The same byte is wrong in the file and in the xorb that holds it. */
async function flipOneByte(setup: XetSetup): Promise<Outcome> {
  const { dir, into, venv, field } = setup;
  const host = async (folder: string) => {
    const files = await hostInXet(folder, venv, noise("flipped", 100e6));
    await damage({ folder, files });
    return files;
  };
  return withServer({ dir, host }, async (server) => {
    const ours = await endOf(field.heros, into, server);
    const targets: Target[] = [];
    for (const peer of field.xet) {
      const { said } = await endOf(peer, into, server);
      targets.push({
        what: "one flipped byte on the server",
        heros: ours.said,
        beside: `${peer.name}: ${said}`,
        measured: "",
        wanted: "exit 6",
        holds: ours.status === 6,
      });
    }
    return { results: [], targets };
  });
}

function endOf(contestant: Contestant, into: string, server: Server) {
  return insideFolder(into, "flipped-", async (folder) => {
    const status = await statusOf(await contestant.prepare({ folder, server }));
    const left = { true: "the right file", false: "a wrong file", null: "no file" } as const;
    const holds = await holdsHash(folder, server);
    return { status, said: `exit ${status}, ${left[`${holds}`]}` };
  });
}
