import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HerosEvent, TimedEvent } from "../../src/run/event.ts";
import { openPty } from "../../test/terminal/pty.ts";
import { median, type Figure } from "../figure.ts";
import { cleanEnv, cpuMs, heros, inFolder, timeNode } from "../program.ts";

const framesPerSecond = 10;
const playedMs = 10_000;
/** Looked at once it runs evenly. */
const settledMs = 2000;
const windowMs = 6000;

/** What a run costs while the bars move. */
interface Cost {
  /** Of one core. */
  readonly cpu: number;
  readonly outputPerSecond: number;
  readonly memoryBytes: number;
}

/** Six bars that move ten times a second, beside the same events as plain lines: processor, output and memory. */
export function measureLiveScreen(): Promise<Figure[]> {
  return inFolder(async (folder) => {
    const record = join(folder, "record.jsonl");
    await writeFile(
      record,
      recorded()
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(""),
    );
    const cost = (output: string) =>
      measureRun(["replay", record, "--speed", "1", "--output", output], cleanEnv(folder));
    const plain = await cost("plain");
    const ink = await cost("ink");
    const nodeMs = median(Array.from({ length: 9 }, () => timeNode(["-e", "0"])));
    return figures(ink, plain, nodeMs);
  });
}

async function measureRun(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Cost> {
  const terminal = openPty({ command: process.execPath, args: [...heros, ...args], env });
  try {
    await sleep(settledMs);
    const [beganMs, cpuBefore] = [performance.now(), cpuMs(terminal.pid)];
    const outputBefore = Buffer.byteLength(terminal.output());
    await sleep(windowMs);
    const elapsedMs = performance.now() - beganMs;
    const written = Buffer.byteLength(terminal.output()) - outputBefore;
    return {
      cpu: (cpuMs(terminal.pid) - cpuBefore) / elapsedMs,
      outputPerSecond: (written * 1000) / elapsedMs,
      memoryBytes: residentBytes(terminal.pid),
    };
  } finally {
    terminal.close();
    await terminal.exit;
  }
}

/** proc(5), status, VmRSS. */
function residentBytes(pid: number): number {
  const [, kibibytes = "0"] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}

/** A pull of six models at 90 MB/s that does not come to its end. */
function recorded(): TimedEvent[] {
  const [totalBytes, frames] = [2e9, (playedMs / 1000) * framesPerSecond];
  const begin: HerosEvent[] = [
    {
      type: "run.started",
      command: "pull",
      herosVersion: "0.0.0",
      demo: false,
      stages: ["download"],
    },
    { type: "stage.started", stage: "download" },
    {
      type: "download.planned",
      files: 6,
      totalBytes,
      cachedBytes: 0,
      resumedBytes: 0,
      freeBytes: 1e12,
    },
  ];
  const progress = Array.from({ length: frames }, (_, frame): TimedEvent => {
    const at = ((frame + 1) * 1000) / framesPerSecond;
    const receivedBytes = 90_000 * at;
    const etaSeconds = (totalBytes - receivedBytes) / 90e6;
    const speed = { bytesPerSecond: 90e6, etaSeconds };
    const models = ["one", "two", "three", "four", "five", "six"].map((name, index) => ({
      id: name,
      title: `Model ${name}`,
      tier: 1,
      state: "downloading" as const,
      receivedBytes: receivedBytes / (index + 2),
      verifiedBytes: 0,
      totalBytes: totalBytes / (index + 2),
      ...speed,
    }));
    const all = { receivedBytes, verifiedBytes: 0, totalBytes, ...speed, lanes: 8, models };
    return { v: 1, at, type: "download.progress", ...all };
  });
  return [...begin.map((event): TimedEvent => ({ v: 1, at: 0, ...event })), ...progress];
}

/** @param nodeMs what Node takes to do nothing: how quick this machine is, and how busy */
function figures(ink: Cost, plain: Cost, nodeMs: number): Figure[] {
  const above = (name: keyof Cost) => ink[name] - plain[name];
  return [
    {
      name: "processor above plain lines",
      measured: `${percent(above("cpu"))} of a core`,
      compared: `node -e 0 a second: ${percent(nodeMs / 1000)}`,
      ratio: (above("cpu") * 1000) / nodeMs,
      bound: 1.75,
    },
    {
      name: "output above plain lines",
      measured: `${(above("outputPerSecond") / 1000).toFixed(1)} kB/s`,
      compared: "5.0 kB/s",
      ratio: above("outputPerSecond") / 5000,
      bound: 1,
    },
    {
      name: "memory above plain lines",
      measured: `${Math.round(above("memoryBytes") / 1e6)} MB`,
      compared: "60 MB",
      ratio: above("memoryBytes") / 60e6,
      bound: 1,
    },
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
