/**
 * Memory, and how long the main thread stands still, while much is downloaded: many small files, and a large one that is
 * thrown away as it comes.
 *
 *     node bench/memory.ts [--files 10000] [--gigabytes 64] [--seconds 20] [--young-megabytes N]
 *
 * The sources are other processes. The disk need not hold the large file: its partial is sparse, writes to it are dropped, and the
 * hash reads zeros back. `--seconds` ends it early. `--young-megabytes` is Node's
 * `--max-semi-space-size`: how much V8 lets young garbage grow; 2, as heros is started. Status 1 where more than 150 MB were used, or where the main
 * thread stood still for more than 50 ms.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { z } from "zod";
import { bundle } from "../scripts/bundle.ts";
import { markdownTable } from "./figure.ts";
import { inFolder } from "./program.ts";

const { values } = parseArgs({
  options: {
    files: { type: "string", default: "10000" },
    gigabytes: { type: "string", default: "64" },
    seconds: { type: "string", default: "20" },
    "young-megabytes": { type: "string", default: "2" },
  },
});
const mostMegabytes = 150;
const longestPauseMs = 50;
const nodeFlags = [`--max-semi-space-size=${values["young-megabytes"]}`];
const root = fileURLToPath(new URL("..", import.meta.url));
/** What is measured, built as in the program. */
const engine = {
  "cli/download-models": "src/commands/download-models.ts",
  "cli/hub-cache": "src/store/hub-cache/hub-cache.ts",
  "cli/real-host": "src/host/real-host.ts",
  "cli/hub": "src/source/hub/hub.ts",
  "cli/hash-worker": "src/store/hash-worker.ts",
};
const pathOf = (name: string): string => new URL(name, import.meta.url).pathname;

const address = z.object({ endpoint: z.string() });
const measured = z.object({
  peakMegabytes: z.number(),
  earlyMegabytes: z.number(),
  pauseMs: z.number(),
  receivedBytes: z.number(),
  seconds: z.number(),
});
type Measured = z.infer<typeof measured>;

/** Starts a program and reads the one line that it prints first. */
async function start(name: string, args: readonly string[], flags: readonly string[] = []) {
  const child = spawn(process.execPath, [...flags, pathOf(name), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = z
    .tuple([z.string()])
    .parse(await once(createInterface({ input: child.stdout }), "line"));
  const end = async (): Promise<void> => {
    const exit = child.exitCode === null ? once(child, "exit") : null;
    child.stdin.end();
    await exit;
  };
  return { answer: JSON.parse(line) as unknown, end };
}

async function pull(source: readonly string[], args: readonly string[]): Promise<Measured> {
  const [name = "", ...given] = source;
  const server = await start(name, given);
  try {
    return await inFolder(async (folder) => {
      await bundle({ root, entries: engine, folder: join(folder, "engine") });
      const { endpoint } = address.parse(server.answer);
      const program = "memory/pull-measured.ts";
      const pulled = await start(program, [endpoint, folder, ...args], nodeFlags);
      await pulled.end();
      return measured.parse(pulled.answer);
    });
  } finally {
    await server.end();
  }
}

const many = Array.from({ length: Number(values.files) }, (_, index) => [
  "--file",
  `bench/many:part-${index}.json:2000`,
]).flat();
const bytes = String(Number(values.gigabytes) * 1e9);
const rows: [string, Measured][] = [
  [`${values.files} small files`, await pull(["../src/demo/hub/serve.ts", ...many], ["many"])],
  [
    `${values.gigabytes} GB, thrown away`,
    await pull(["memory/endless-source.ts"], [bytes, values.seconds]),
  ],
];
console.log(
  markdownTable([
    ["download", "came", "in", "memory after 3 s", "memory at most", "longest pause"],
    ...rows.map(([name, each]) => [
      name,
      `${(each.receivedBytes / 1e6).toFixed(0)} MB`,
      `${each.seconds.toFixed(1)} s`,
      `${each.earlyMegabytes.toFixed(0)} MB`,
      `${each.peakMegabytes.toFixed(0)} MB`,
      `${each.pauseMs.toFixed(0)} ms`,
    ]),
  ]),
);
const good = rows.every(
  ([, { peakMegabytes, pauseMs }]) => peakMegabytes <= mostMegabytes && pauseMs <= longestPauseMs,
);
process.exitCode = good ? 0 : 1;
