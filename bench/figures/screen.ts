import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openPty } from "../../test/terminal/pty.ts";
import type { Figure } from "../figure.ts";
import { cleanEnv, cpuMs, heros, inFolder, withHub } from "../program.ts";

const names = ["one", "two", "three", "four", "five", "six"];
const fileBytes = 12_000_000;
const bytesPerSecond = 8_000_000;
const windowMs = 5000;

/** What six moving bars cost above the same download with plain lines, as a share of one core. */
export function measureScreen(): Promise<Figure> {
  const files = names.flatMap((name) => ["--file", `bench/${name}:model.safetensors:${fileBytes}`]);
  const limit = ["--bytes-per-second", String(bytesPerSecond)];
  return withHub([...files, ...limit], (endpoint) =>
    inFolder(async (folder) => {
      const catalog = join(folder, "six.yaml");
      await writeFile(catalog, sixModels);
      const share = (output: string) => {
        const cache = ["--cache-dir", join(folder, output)];
        const args = ["pull", "--all", "--catalog", catalog, "--endpoint", endpoint, ...cache];
        return cpuShare([...args, "--output", output], cleanEnv(folder));
      };
      const plain = await share("plain");
      const ink = await share("ink");
      return {
        name: "the screen, six bars",
        measured: `${percent(ink - plain)} of a core`,
        compared: `plain lines: ${percent(plain)}`,
        ratio: ink - plain,
        bound: 0.08,
      };
    }),
  );
}

const sixModels = `schema: 1
stack: bench
tiers: [{ id: 1, name: All, required: true }]
models:
${names.map((name) => `  - { id: ${name}, title: Model ${name}, repo: bench/${name}, tier: 1 }\n`).join("")}`;

/** CPU time over wall-clock time while the bars move, start and end left out. */
async function cpuShare(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const terminal = openPty({ command: process.execPath, args: [...heros, ...args], env });
  try {
    await terminal.waitFor("MB/s");
    const [beganMs, cpuBefore] = [performance.now(), cpuMs(terminal.pid)];
    await sleep(windowMs);
    return (cpuMs(terminal.pid) - cpuBefore) / (performance.now() - beganMs);
  } finally {
    terminal.close();
    await terminal.exit;
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
