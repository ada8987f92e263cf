import { availableParallelism, cpus, release } from "node:os";
import { markdownTable } from "../figure.ts";
import type { Peers } from "./peers.ts";
import type { Result } from "./race.ts";
import type { Outcome } from "./setup.ts";
import { seconds } from "./targets.ts";

const titles = ["scenario", "who", "runs", "median", "MB/s", "sent", "CPU", "peak", "checked"];

/** What was measured, against what was promised, in Markdown. */
export function report(outcomes: readonly Outcome[]): string {
  const targets = outcomes.flatMap((outcome) => outcome.targets);
  const results = outcomes.flatMap((outcome) => outcome.results);
  const notes = outcomes.flatMap((outcome) => outcome.notes ?? []);
  return [
    markdownTable([
      ["target", "heros", "beside", "ratio", "goal", "holds"],
      ...targets.map(({ what, heros, beside, measured, wanted, holds }) => [
        what,
        heros,
        beside,
        measured,
        wanted,
        holds ? "yes" : "NO",
      ]),
    ]),
    ...(results.length === 0 ? [] : [markdownTable([titles, ...results.map(row)])]),
    ...notes,
  ].join("\n\n");
}

function row(result: Result): string[] {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  const nothing = result.scenario.startsWith("nothing");
  return [
    result.scenario,
    result.contestant,
    String(result.runs),
    seconds(result.wallMs),
    nothing ? "" : megabytes((result.bytes / result.wallMs) * 1000),
    nothing ? "" : `${megabytes(result.sentBytes)} MB`,
    seconds(result.cpuMs),
    result.peakBytes === 0 ? "" : `${megabytes(result.peakBytes)} MB`,
    result.verifies ? "yes" : "no",
  ];
}

/** The machine, the programs and the command, in a few lines. */
export function describeRun(peers: Peers, disk: string): string {
  const cores = `${availableParallelism()} × ${cpus()[0]?.model ?? "?"}`;
  const said = process.argv.slice(2).map((text) => ` ${text}`);
  return [
    `\`node bench/download.ts${said.join("")}\` on ${cores}, Linux ${release()}, Node ${process.version}, ${peers.versions.join(", ")}. ${disk}`,
    ...peers.absent.map((reason) => `Left out: ${reason}.`),
  ].join("\n");
}
