import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openPty, type Pty } from "../../test/terminal/pty.ts";
import { median, milliseconds, type Figure } from "../figure.ts";
import { cleanEnv, cpuMs, heros, inFolder, withHub } from "../program.ts";

const names = ["one", "two", "three", "four", "five", "six"];
const fileBytes = 14_000_000;
const bytesPerSecond = 8_000_000;
const windowMs = 5000;

/** What a run costs while the bars move. */
interface Cost {
  /** Of one core. */
  readonly cpu: number;
  readonly outputPerSecond: number;
  readonly memoryBytes: number;
  /** From a key to the words that answer it; none where no key is answered. */
  readonly keyMs: readonly number[];
}

/** Six moving bars beside the same download with plain lines: processor, output, memory, and how soon a key is answered. */
export function measureLiveScreen(): Promise<Figure[]> {
  const files = names.flatMap((name) => ["--file", `bench/${name}:model.safetensors:${fileBytes}`]);
  return withHub([...files, "--bytes-per-second", String(bytesPerSecond)], (endpoint) =>
    inFolder(async (folder) => {
      const catalog = join(folder, "six.yaml");
      await writeFile(catalog, sixModels);
      const cost = (output: "ink" | "plain") => {
        const cache = ["--cache-dir", join(folder, output)];
        const args = ["pull", "--all", "--catalog", catalog, "--endpoint", endpoint, ...cache];
        return measureRun([...args, "--output", output], cleanEnv(folder), output === "ink");
      };
      const plain = await cost("plain");
      return figures(await cost("ink"), plain);
    }),
  );
}

const sixModels = `schema: 1
stack: bench
tiers: [{ id: 1, name: All, required: true }]
models:
${names.map((name) => `  - { id: ${name}, title: Model ${name}, repo: bench/${name}, tier: 1 }\n`).join("")}`;

async function measureRun(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  hasKeys: boolean,
): Promise<Cost> {
  const terminal = openPty({ command: process.execPath, args: [...heros, ...args], env });
  try {
    await terminal.waitFor("MB/s");
    const [beganMs, cpuBefore] = [performance.now(), cpuMs(terminal.pid)];
    const outputBefore = Buffer.byteLength(terminal.output());
    await sleep(windowMs);
    const elapsedMs = performance.now() - beganMs;
    const cpu = (cpuMs(terminal.pid) - cpuBefore) / elapsedMs;
    const written = Buffer.byteLength(terminal.output()) - outputBefore;
    const outputPerSecond = (written * 1000) / elapsedMs;
    const memoryBytes = residentBytes(terminal.pid);
    return { cpu, outputPerSecond, memoryBytes, keyMs: hasKeys ? await pressKeys(terminal) : [] };
  } finally {
    terminal.close();
    await terminal.exit;
  }
}

/** Help comes and goes, ten times. */
async function pressKeys(terminal: Pty): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < 10; round++) {
    for (const [key, seen] of [
      ["?", "Any key: back"],
      ["x", "l: log"],
    ] as const) {
      const beganMs = performance.now();
      terminal.type(key);
      await terminal.waitFor((screen) => screen.split("\n").at(-1)?.includes(seen) ?? false);
      times.push(performance.now() - beganMs);
    }
  }
  return times;
}

/** proc(5), status, VmRSS. */
function residentBytes(pid: number): number {
  const [, kibibytes = "0"] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}

function figures(ink: Cost, plain: Cost): Figure[] {
  const above = (name: keyof Omit<Cost, "keyMs">) => ink[name] - plain[name];
  const slowestMs = Math.max(...ink.keyMs);
  return [
    {
      name: "processor above plain lines",
      measured: `${percent(above("cpu"))} of a core`,
      compared: `plain lines: ${percent(plain.cpu)}`,
      ratio: above("cpu") / 0.05,
      bound: 1,
    },
    {
      name: "output above plain lines",
      measured: `${kilobytes(above("outputPerSecond"))}/s`,
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
    {
      name: "a key is answered",
      measured: `${milliseconds(median(ink.keyMs))}, slowest ${milliseconds(slowestMs)}`,
      compared: "50 ms",
      ratio: slowestMs / 50,
      bound: 1,
    },
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
