/**
 * Records the events of a pull with faults as JSON lines, and checks what a screen would show of it: bars that never run backwards,
 * a time left that is true as far as the speed is even, a speed that falls to nothing when nothing comes.
 *
 *     npm run build && node bench/recording.ts [--megabytes 1000] [--rate 40] [--silence 8] [--save FILE] [--check]
 *
 * The rate is in MB/s for all connections. On the way connections are cut, answers are 503, and once nothing comes at all
 * for `--silence` seconds. (Damage, after which bytes come again, is the tests' affair.) With `--check` the status is 1 where a bound
 * is not kept.
 */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startHub } from "../src/demo/hub/hub.ts";
import type { Intercept } from "../src/demo/hub/exchange.ts";
import type { DownloadProgress } from "../src/run/events/download.ts";
import type { TimedEvent } from "../src/run/event.ts";
import { markdownTable } from "./figure.ts";
import { benchRepo, inFolder, startPull } from "./program.ts";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "1000" },
    rate: { type: "string", default: "40" },
    silence: { type: "string", default: "8" },
    save: { type: "string" },
    check: { type: "boolean", default: false },
  },
});
const bytes = Number(values.megabytes) * 1e6;
const bytesPerSecond = Number(values.rate) * 1e6;
const silenceMs = Number(values.silence) * 1000;

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
      id: benchRepo,
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
const events: TimedEvent[] = [];
let silentFromMs: number | null = null;

try {
  for (const name of ["model-0", "model-1", "model-2"]) {
    await served.file(benchRepo, `${name}.safetensors`).identify();
  }
  await inFolder(async (folder) => {
    const child = startPull(folder, served.endpoint);
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = JSON.parse(line) as TimedEvent;
      const atMs = event.at;
      events.push(event);
      lines.push(line);
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

/**
 * What was told from a fifth on until the silence, held against when the rest had come, without the silence that nobody could foresee.
 * Where the machine itself was uneven, nobody could tell better than its slowest and fastest two seconds allow.
 */
const even = told.filter(
  ({ atMs, progress }) => progress.receivedBytes > bytes * 0.2 && atMs < silent,
);
const silentMs = (firstAfter?.atMs ?? 0) - (lastBefore?.atMs ?? 0);
const doneMs = (moved.at(-1)?.atMs ?? 0) - silentMs;
const speeds = speedsOfTwoSeconds(told.filter(({ atMs }) => atMs < silent));
const slowest = Math.min(...speeds);
const fastest = Math.max(...speeds);
const errors = even.map(({ atMs, progress }) => {
  const { etaSeconds, receivedBytes, totalBytes } = progress;
  if (etaSeconds === null) return 1;
  const truth = (doneMs - atMs) / 1000;
  const missing = totalBytes - receivedBytes;
  const soonest = Math.min(truth, missing / fastest);
  const latest = Math.max(truth, missing / slowest);
  return Math.max(0, 1 - etaSeconds / soonest, etaSeconds / latest - 1);
});
const worst = errors.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...errors);

/** Bytes per second over each two seconds, from the first byte on. */
function speedsOfTwoSeconds(all: readonly Told[]): number[] {
  const begun = all.filter(({ progress }) => progress.receivedBytes > 0);
  return begun.flatMap((from) => {
    const to = begun.find(({ atMs }) => atMs - from.atMs >= 2000);
    if (to === undefined) return [];
    const came = to.progress.receivedBytes - from.progress.receivedBytes;
    return [(came / (to.atMs - from.atMs)) * 1000];
  });
}

const checks: [string, string, string, boolean][] = [
  ["bars run backwards", `${backwards} times`, "never", backwards === 0],
  [
    "time left, from a fifth on",
    `${(worst * 100).toFixed(0)}% wrong at worst`,
    "20%",
    worst <= 0.2,
  ],
  [
    "speed is 0 after silence of",
    `${fellAfter.toFixed(1)} s`,
    "5 s",
    fellAfter > 0 && fellAfter <= 5,
  ],
  [
    "models that are here in the end",
    `${events.filter(({ type }) => type === "model.ready").length}`,
    "1",
    events.at(-1)?.type === "run.succeeded",
  ],
];
if (worst > 0.2) {
  const at = even[errors.indexOf(worst)];
  console.log(
    `worst at ${((at?.atMs ?? 0) / 1000).toFixed(1)} s, of ${(doneMs / 1000).toFixed(1)} s: ${at?.progress.etaSeconds ?? "none"} s`,
  );
}
const retries = events.filter(({ type }) => type === "download.retrying").length;
console.log(
  `${values.megabytes} MB at ${values.rate} MB/s in ${(doneMs / 1000).toFixed(0)} s and ${(silentMs / 1000).toFixed(1)} s of silence, ` +
    `${told.length} progress events, ${retries} retries, ${(slowest / 1e6).toFixed(0)} to ${(fastest / 1e6).toFixed(0)} MB/s over two seconds\n`,
);
console.log(
  markdownTable([
    ["what a screen shows", "measured", "at most", "holds"],
    ...checks.map(([name, measured, bound, good]) => [name, measured, bound, good ? "yes" : "NO"]),
  ]),
);
if (values.check && !checks.every(([, , , good]) => good)) process.exitCode = 1;
