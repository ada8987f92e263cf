/**
 * Records the events of a pull with faults as JSON lines, and checks what a screen would show of it: bars that never run backwards,
 * a time left that is true where the speed is even, a speed that falls to nothing when nothing comes.
 *
 *     node bench/recording.ts [--megabytes 1000] [--rate 40] [--silence 8] [--save FILE]
 *
 * The rate is in MB/s for all connections. On the way connections are cut, answers are 503, and once nothing comes at all
 * for `--silence` seconds. (Damage, after which bytes come again, is the tests' affair.) Status 1 where a check fails.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startHub } from "../src/demo/hub/hub.ts";
import type { Intercept } from "../src/demo/hub/faults.ts";
import type { DownloadProgress } from "../src/progress/events/download.ts";
import type { HerosEvent } from "../src/progress/event.ts";
import { inFolder } from "./program.ts";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "1000" },
    rate: { type: "string", default: "40" },
    silence: { type: "string", default: "8" },
    save: { type: "string" },
  },
});
const bytes = Number(values.megabytes) * 1e6;
const bytesPerSecond = Number(values.rate) * 1e6;
const silenceMs = Number(values.silence) * 1000;
const repo = "bench/model";
const program = new URL("../test/download/fixtures/pull-alone.ts", import.meta.url).pathname;

interface Told {
  readonly atMs: number;
  readonly progress: DownloadProgress;
}

/** Every fortieth answer is cut, every hundredth is a 503: the speed stays even. */
function faults(): Intercept {
  let seen = 0;
  return ({ origin }) => {
    if (origin !== "content") return undefined;
    seen += 1;
    if (seen % 100 === 0) return { answer: { status: 503, headers: { "Retry-After": "1" } } };
    return seen % 40 === 0 ? { cutAfterBytes: 500_000 } : undefined;
  };
}

const served = await startHub({
  repos: [
    {
      id: repo,
      files: [0.5, 0.3, 0.2].map((share, index) => ({
        path: `model-${index}.safetensors`,
        sizeBytes: Math.round(bytes * share),
      })),
    },
  ],
  throttle: { bytesPerSecond },
  intercept: faults(),
});
const told: Told[] = [];
const lines: string[] = [];
const events: HerosEvent[] = [];
let silentFromMs: number | null = null;

try {
  for (const name of ["model-0", "model-1", "model-2"]) {
    await served.file(repo, `${name}.safetensors`).identify();
  }
  await inFolder(async (folder) => {
    const child = spawn(process.execPath, [program, served.endpoint, folder, repo], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const beganMs = performance.now();
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = JSON.parse(line) as HerosEvent;
      const atMs = performance.now() - beganMs;
      events.push(event);
      lines.push(JSON.stringify({ v: 1, at: Math.round(atMs), ...event }));
      if (event.type !== "download.progress") return;
      told.push({ atMs, progress: event });
      if (silentFromMs !== null || event.receivedBytes < bytes * 0.85) return;
      silentFromMs = atMs;
      served.setThrottle({ bytesPerSecond: 1 });
      served.setIntercept(() => ({ reset: true }));
      setTimeout(() => {
        served.setThrottle({ bytesPerSecond });
        served.setIntercept(undefined);
      }, silenceMs);
    });
    await once(child, "exit");
  });
} finally {
  await served.close();
}
if (values.save !== undefined) await writeFile(values.save, `${lines.join("\n")}\n`);

const backwards = told.filter(
  ({ progress }, index) => progress.receivedBytes < (told[index - 1]?.progress.receivedBytes ?? 0),
).length;

const silent = silentFromMs ?? Number.POSITIVE_INFINITY;
const moved = told.filter(
  ({ progress }, index) => progress.receivedBytes > (told[index - 1]?.progress.receivedBytes ?? 0),
);
/** The last bytes before the silence, and the first after it. */
const lastBefore = moved.findLast(({ atMs }) => atMs < silent + silenceMs / 2);
const firstAfter = moved.find(({ atMs }) => atMs > silent + silenceMs / 2);
const stopped = told.find(({ atMs, progress }) => atMs > silent && progress.bytesPerSecond === 0);
const fellAfter = ((stopped?.atMs ?? Number.NaN) - (lastBefore?.atMs ?? 0)) / 1000;

/** What was told from a fifth on until the silence, held against when the rest had come, without the silence that nobody could foresee. */
const even = told.filter(
  ({ atMs, progress }) => progress.receivedBytes > bytes * 0.2 && atMs < silent,
);
const silentMs = (firstAfter?.atMs ?? 0) - (lastBefore?.atMs ?? 0);
const doneMs = (moved.at(-1)?.atMs ?? 0) - silentMs;
const errors = even.map(({ atMs, progress }) => {
  const truth = (doneMs - atMs) / 1000;
  return progress.etaSeconds === null ? 1 : Math.abs(progress.etaSeconds - truth) / truth;
});
const worst = errors.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...errors);

const checks: [string, boolean, string][] = [
  ["bars never run backwards", backwards === 0, `${backwards} times`],
  ["time left within 20% from a fifth on", worst <= 0.2, `${(worst * 100).toFixed(0)}% at worst`],
  ["speed falls to 0 within 5 s", fellAfter <= 5, `after ${fellAfter.toFixed(1)} s`],
  ["ended with the model", events.some(({ type }) => type === "model.ready"), ""],
];
if (worst > 0.2) {
  const at = even[errors.indexOf(worst)];
  console.log(
    `worst at ${((at?.atMs ?? 0) / 1000).toFixed(1)} s, of ${(doneMs / 1000).toFixed(1)} s: ${at?.progress.etaSeconds ?? "none"} s`,
  );
}
for (const [name, good, found] of checks) console.log(`${good ? "ok " : "NO "} ${name}  ${found}`);
const retries = events.filter(({ type }) => type === "download.retrying").length;
console.log(
  `${told.length} progress events in ${(doneMs / 1000).toFixed(0)} s, ${retries} retries`,
);
process.exitCode = checks.every(([, good]) => good) ? 0 : 1;
