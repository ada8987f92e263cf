/**
 * Kills a download with kill -9 at random moments, a second one started beside it each time, and counts what comes twice.
 *
 *     node bench/kills.ts [--megabytes 400] [--rate 40] [--kills 20]
 *
 * The rate is in MB/s; 0 is as fast as the machine: then the kernel's own buffers, which a kill empties, are most of it.
 * Status 1 where more than 2% a kill came twice, or where the file did not verify in the end.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startHub } from "../src/demo/hub/hub.ts";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "400" },
    rate: { type: "string", default: "40" },
    kills: { type: "string", default: "20" },
  },
});
const bytes = Number(values.megabytes) * 1e6;
const bytesPerSecond = Number(values.rate) * 1e6;
const kills = Number(values.kills);
const repo = "bench/model";
const program = new URL("../test/download/fixtures/pull-alone.ts", import.meta.url).pathname;

const served = await startHub({
  repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes: bytes }] }],
  throttle: bytesPerSecond > 0 ? { bytesPerSecond } : {},
});
await served.file(repo, "model.safetensors").identify();
const folder = await mkdtemp(join(tmpdir(), "heros-kills-"));

function pull() {
  const child = spawn(process.execPath, [program, served.endpoint, folder, repo], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (part: Buffer) => void (text += part.toString()));
  const exit = once(child, "exit").then(([status]) => ({ status: status as number | null, text }));
  return { child, exit };
}

try {
  for (let round = 0; round < kills; round += 1) {
    const atBytes = (bytes * (round + Math.random())) / kills;
    const [first, second] = [pull(), pull()];
    const timer = setInterval(() => {
      if (served.sentBytes() < atBytes) return;
      first.child.kill("SIGKILL");
      second.child.kill("SIGKILL");
    }, 2);
    await Promise.all([first.exit, second.exit]);
    clearInterval(timer);
  }
  const [first, second] = await Promise.all([pull().exit, pull().exit]);
  const twice = served.sentBytes() - bytes;
  const share = twice / bytes / kills;
  const verified = `${first.text}${second.text}`.split('"type":"model.ready"').length - 1;
  console.log(
    `${kills} kills of ${bytes / 1e6} MB at ${values.rate} MB/s: ${(twice / 1e6).toFixed(1)} MB came twice, ` +
      `${(share * 100).toFixed(2)}% a kill; ${verified} of 2 ended with the model`,
  );
  const good = share <= 0.02 && verified === 2 && first.status === 0 && second.status === 0;
  process.exitCode = good ? 0 : 1;
} finally {
  await served.close();
  await rm(folder, { recursive: true, force: true });
}
