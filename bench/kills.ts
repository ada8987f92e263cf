/**
 * Kills `heros pull` with kill -9 at random moments, a second one started beside it each time, and counts what comes twice.
 *
 *     npm run build && node bench/kills.ts [--megabytes 400] [--rate 40] [--kills 20] [--check]
 *
 * The rate is in MB/s; 0 is as fast as the machine: then the kernel's own buffers, which a kill empties, are most of it.
 * In the end two go on to the end, and the content is hashed once more. With `--check` the status is 1 where a kill made more than
 * 1% of it come twice on average, or where anything is not as it should be.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { startHub } from "../src/demo/hub/hub.ts";
import { percent } from "./figure.ts";
import { benchRepo, inFolder, startPull } from "./program.ts";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "400" },
    rate: { type: "string", default: "40" },
    kills: { type: "string", default: "20" },
    check: { type: "boolean", default: false },
  },
});
const bytes = Number(values.megabytes) * 1e6;
const bytesPerSecond = Number(values.rate) * 1e6;
const kills = Number(values.kills);
const mostShareAKill = 0.01;
const path = "model.safetensors";

function pull(folder: string) {
  const child = startPull(folder, served.endpoint);
  let text = "";
  child.stdout.on("data", (part: Buffer) => void (text += part.toString()));
  const exit = once(child, "exit").then(([status]) => ({ status: status as number | null, text }));
  return { child, exit };
}

/** Two side by side, killed when the Hub has sent so many bytes. @returns how many of them had ended before */
async function killAt(folder: string, atBytes: number): Promise<number> {
  const both = [pull(folder), pull(folder)];
  const timer = setInterval(() => {
    if (served.sentBytes() < atBytes) return;
    for (const { child } of both) child.kill("SIGKILL");
  }, 2);
  const ends = await Promise.all(both.map(({ exit }) => exit));
  clearInterval(timer);
  return ends.filter(({ status }) => status !== null).length;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

const served = await startHub({
  repos: [{ id: benchRepo, files: [{ path, sizeBytes: bytes }] }],
  throttle: bytesPerSecond > 0 ? { bytesPerSecond } : {},
});
try {
  await inFolder(async (folder) => {
    const { blobName } = await served.file(benchRepo, path).identify();
    let early = 0;
    for (let round = 0; round < kills; round += 1) {
      early += await killAt(folder, (bytes * (round + Math.random())) / kills);
    }
    const ends = await Promise.all([pull(folder).exit, pull(folder).exit]);
    const twice = served.sentBytes() - bytes;
    const blobs = join(folder, "cache", `models--${benchRepo.replace("/", "--")}`, "blobs");
    const names = await readdir(blobs);
    const sound = names.join() === blobName && (await sha256Of(join(blobs, blobName))) === blobName;
    const done = ends.filter(
      ({ status, text }) => status === 0 && text.includes('"type":"model.ready"'),
    ).length;
    const good = sound && done === 2 && early === 0 && twice <= bytes * kills * mostShareAKill;
    const ended = early === 0 ? "" : `; ${early} ended before they were killed`;
    console.log(
      `${good ? "ok" : "NO"}: ${kills} kills of two at ${bytes / 1e6} MB and ${values.rate} MB/s: ` +
        `${(twice / 1e6).toFixed(1)} MB came twice, ${percent(twice / bytes)} in all, ` +
        `${percent(twice / bytes / kills)} a kill (at most ${percent(mostShareAKill)}); ` +
        `${done} of 2 ended with the model, its hash ${sound ? "holds" : "does NOT hold"}${ended}`,
    );
    if (values.check && !good) process.exitCode = 1;
  });
} finally {
  await served.close();
}
