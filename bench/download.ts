/**
 * heros beside the programs that people download models with: the same files, the same nginx on
 * loopback, nothing cached, everyone in turn. Needs the build; as root it installs what is missing.
 *
 *     npm run bench:download                  all of it, five rounds
 *     npm run bench:download -- --quick       a twentieth of the sizes
 *     npm run bench:download -- --only one    one, set, capped, small, cached, kills, xet, xet-capped or xet-kills; may be repeated
 *     npm run bench:download -- --check       ends with 1 where a target does not hold
 *
 * --dir holds the served files and --into what is downloaded (both default to the temporary folder).
 */
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { contestants } from "./download/contestants.ts";
import { findPeers } from "./download/peers.ts";
import { describeRun, report } from "./download/report.ts";
import { interruption } from "./download/run-to-end.ts";
import { scenarios } from "./download/scenarios.ts";
import type { Outcome } from "./download/setup.ts";
import { insideFolder, requireSpace } from "./download/workplace.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: Object.keys(scenarios) },
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    kills: { type: "string", default: "20" },
    dir: { type: "string", default: tmpdir() },
    into: { type: "string" },
  },
});
const scale = values.quick ? 0.05 : 1;
const into = values.into ?? values.dir;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => interruption.abort(new Error(`ended by ${signal}`)));
}

const work = insideFolder(values.dir, "heros-bench-", (dir) =>
  insideFolder(into, "heros-bench-", async (written) => {
    await requireSpace(values.dir, (into === values.dir ? 10e9 : 5e9) * scale);
    await requireSpace(into, 5e9 * scale);
    const peers = findPeers(dir);
    const disk = `The disk takes ${await syncedSpeed(written)} MB/s that are synced.`;
    const outcomes: Outcome[] = [];
    const say = () => console.log(`${describeRun(peers, disk)}\n\n${report(outcomes)}`);
    for (const name of values.only) {
      const run = Object.entries(scenarios).find(([key]) => key === name)?.[1];
      if (run === undefined) throw new Error(`--only knows ${Object.keys(scenarios).join(", ")}`);
      const outcome = run({
        dir,
        into: written,
        rounds: Number(values.rounds),
        kills: Number(values.kills),
        scale,
        venv: peers.venv,
        field: contestants(peers.venv),
        has: ({ needs }) => needs.every(peers.has),
      });
      // What was measured before a trouble was measured all the same.
      outcome.catch(say);
      outcomes.push(await outcome);
    }
    say();
    const all = outcomes.flatMap(({ targets }) => targets);
    if (values.check && !all.every(({ holds }) => holds)) process.exitCode = 1;
  }),
);
// By then every folder is gone and every process has ended.
await work.catch((error: unknown) => {
  if (!interruption.signal.aborted) throw error;
  process.exitCode = 130;
});

/** What the disk under the contestants does: those that sync what they write can't be quicker. */
async function syncedSpeed(folder: string): Promise<number> {
  const path = join(folder, "speed");
  const block = Buffer.alloc(8 * 1024 * 1024, 7);
  const file = await open(path, "w");
  const beganMs = performance.now();
  for (let index = 0; index < 32; index += 1) await file.write(block);
  await file.datasync();
  const elapsedMs = performance.now() - beganMs;
  await file.close();
  await rm(path);
  return Math.round((32 * block.length) / 1000 / elapsedMs);
}
