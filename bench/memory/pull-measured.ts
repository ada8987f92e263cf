// Run as a process of its own: pulls, and tells what that took. node pull-measured.ts ENDPOINT FOLDER many|BYTES SECONDS
import { readFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type * as downloading from "../../src/commands/download-models.ts";
import type * as hosts from "../../src/host/real-host.ts";
import type * as hubs from "../../src/source/hub/hub.ts";
import type { Files, Host } from "../../src/host/host.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { isAbort } from "../../src/run/failure.ts";
import type * as stores from "../../src/store/hub-cache/hub-cache.ts";
import type { Survey } from "../../src/store/store.ts";

type Engine = typeof downloading & typeof hosts & typeof hubs & typeof stores;

/** Built by memory.ts, as its users have it: compiling TypeScript takes memory of its own. */
const built = (name: string): Promise<Engine> =>
  import(join(folder, "engine/cli", `${name}.js`)) as Promise<Engine>;
const [, , endpoint = "", folder = "", what = "many", seconds = "0"] = process.argv;
const { downloadModels, surveyModels } = await built("download-models");
const { openHubCache } = await built("hub-cache");
const { realHost } = await built("real-host");
const { connectHub } = await built("hub");

const { env, pid, platform, arch } = process;
const real = realHost({ env, home: folder, cwd: folder, pid, platform, nodeArch: arch });
const cacheDir = join(folder, "hub");
const stop = new AbortController();
const { signal } = stop;

function residentMegabytes(field: "VmRSS" | "VmHWM"): number {
  const text = readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`${field}:\\s+(\\d+)`, "u").exec(text)?.[1]) / 1024;
}

/** A partial that is as long as it should be, and holds nothing. */
function thrownAway(handle: FileHandle): FileHandle {
  const write = async (_bytes: Buffer, _offset: number, length: number) => ({
    bytesWritten: length,
  });
  return Object.assign(handle, { write, datasync: async () => {} });
}

function sinkHost(host: Host): Host {
  const open = async (...given: Parameters<Files["open"]>) => {
    const handle = await host.files.open(...given);
    return String(given[0]).endsWith(".heros-partial") ? thrownAway(handle) : handle;
  };
  return { ...host, files: { ...host.files, open } };
}

function surveyOf(sizeBytes: number): Survey {
  const [repo, commit, name] = ["bench/large", "0".repeat(40), "0".repeat(64)];
  const counted = { totalBytes: sizeBytes, cachedBytes: 0, resumedBytes: 0 };
  const label = { id: "large", title: "large", tier: 1 };
  const model = { id: "large", title: "large", label, priority: 1, purpose: "Bench" };
  const hash = { algorithm: "sha256" as const, hex: name };
  const state = { cached: false, held: [], neededBy: ["large"], priority: 1 };
  return {
    cacheDir,
    models: [{ ...model, ...counted, snapshots: [], problem: null }],
    images: [],
    blobs: [{ repo, commit, path: "model.bin", blobName: name, sizeBytes, hash, ...state }],
    files: 1,
    ...counted,
    resumedBytes: 0,
    neededBytes: sizeBytes,
    freeBytes: Number.POSITIVE_INFINITY,
  };
}

const host = what === "many" ? real : sinkHost(real);
const store = openHubCache({ host, cacheDir });
const source = connectHub({ host, endpoint, token: null });
const parts = [{ repo: "bench/many", revision: "main", files: null }];
const models = [{ id: "many", title: "many", priority: 1, purpose: "Bench", parts }];
const survey =
  what === "many" ? await surveyModels({ source, store, models, signal }) : surveyOf(Number(what));

let receivedBytes = 0;
let early = 0;
const emit = (event: HerosEvent): void => {
  if (event.type === "download.progress") ({ receivedBytes } = event);
};
const delays = monitorEventLoopDelay({ resolution: 5 });
const beganMs = performance.now();
const timers = [setTimeout(() => (early = residentMegabytes("VmRSS")), 3000)];
if (Number(seconds) > 0) timers.push(setTimeout(() => stop.abort(), Number(seconds) * 1000));
delays.enable();
try {
  await downloadModels({ host, source, store, survey, emit, signal });
} catch (error) {
  if (!isAbort(error)) throw error;
}
delays.disable();
for (const timer of timers) clearTimeout(timer);
host.network.close();
process.stdout.write(
  `${JSON.stringify({
    peakMegabytes: residentMegabytes("VmHWM"),
    earlyMegabytes: early,
    pauseMs: Math.max(0, delays.max / 1e6 - 5),
    receivedBytes,
    seconds: (performance.now() - beganMs) / 1000,
  })}\n`,
);
