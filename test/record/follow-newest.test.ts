import fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { realClock } from "../../src/host/real-host.ts";
import { followNewest } from "../../src/record/follow-newest.ts";

const started = (command: string) =>
  `${JSON.stringify({ v: 1, at: 0, type: "run.started", command, herosVersion: "1", demo: false, stages: [] })}\n`;
const paused = '{"v":1,"at":5,"type":"download.paused"}\n';

test("follows the newest setup or download of this machine, and the one after it", async () => {
  const stateDir = await fs.mkdtemp(join(tmpdir(), "heros-newest-"));
  onTestFinished(() => fs.rm(stateDir, { recursive: true }));
  const folder = join(stateDir, "logs");
  await fs.mkdir(folder);
  const write = (name: string, text: string) => fs.appendFile(join(folder, name), text);
  await write("2026-11-01T10-00-00.000Z-setup-1.jsonl", started("setup") + paused);
  await write("2026-11-02T10-00-00.000Z-serve-2.jsonl", started("serve"));
  const stop = new AbortController();
  const host = { files: fs, clock: { ...realClock, sleep: () => realClock.sleep(1) } };
  const seen: string[] = [];
  for await (const event of followNewest({ host, stateDir, signal: stop.signal })) {
    seen.push(event === "begins" ? event : event.type);
    if (seen.length === 3) {
      // Its writer is this process, and goes on.
      await write(`2026-11-03T10-00-00.000Z-pull-${process.pid}.jsonl`, started("pull"));
    }
    if (seen.length === 5) {
      await write(`2026-11-03T10-00-00.000Z-pull-${process.pid}.jsonl`, paused);
    }
    if (seen.length === 6) stop.abort();
  }
  expect(seen).toEqual([
    "begins",
    "run.started",
    "download.paused",
    "begins",
    "run.started",
    "download.paused",
  ]);
});
