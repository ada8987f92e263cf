import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = join(root, "bin/heros.js");
const [firstLine = ""] = readFileSync(bin, "utf8").split("\n");
/** Node's arguments for the built program, as its users have it: with the flags of its first line. */
export const heros: readonly string[] = [...firstLine.split(" ").slice(3), bin];

/** Wall-clock milliseconds that Node takes with these arguments. @throws Error where it does not end with 0 */
export function timeNode(args: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args], {
    env,
    encoding: "utf8",
  });
  const elapsedMs = performance.now() - began;
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}\n${stdout}${stderr}`);
  return elapsedMs;
}

/** User and system time of a process and its threads so far, in milliseconds; proc(5), stat, fields 14 and 15. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  const ticksPerSecond = 100;
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

/** A folder that is gone when the work is done. */
export async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "heros-bench-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A repository whose files a benchmark serves itself, as a model of a catalog. */
export const benchRepo = "bench/model";
const benchCatalog = `schema: 1
stack: her-os
tiers:
  - {id: 1, name: All, required: true}
models:
  - {id: model, title: Model, repo: ${benchRepo}, revision: main, tier: 1, purpose: Bench, capability: bench, memoryGib: 1}
`;

/** `heros pull` of the benchmark's model into the folder, as its users run it. */
export function pullCommand(folder: string, endpoint: string, output: string) {
  const catalog = join(folder, "catalog.yaml");
  if (!existsSync(catalog)) writeFileSync(catalog, benchCatalog);
  const where = ["--cache-dir", join(folder, "cache"), "--catalog", catalog];
  const args = [...heros, "pull", ...where, "--endpoint", endpoint, "--output", output];
  return { file: process.execPath, args };
}

/** Starts it; JSON lines come out. */
export function startPull(folder: string, endpoint: string) {
  const { file, args } = pullCommand(folder, endpoint, "json");
  return spawn(file, args, { env: cleanEnv(folder), stdio: ["ignore", "pipe", "inherit"] });
}

/** An environment in which nothing of this user's is read or written. */
export function cleanEnv(folder: string): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  return { PATH, HOME: folder, LANG: "C.UTF-8", TERM: "xterm-256color" };
}

const addresses = z.object({ endpoint: z.string() });

/** The embedded Hub in a process of its own, while the work lasts. */
export async function withHub<Result>(
  args: readonly string[],
  work: (endpoint: string) => Promise<Result>,
): Promise<Result> {
  const hub = spawn(process.execPath, [join(root, "src/demo/hub/serve.ts"), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(hub, "exit");
  try {
    const lines = createInterface({ input: hub.stdout });
    const [line] = z.tuple([z.string()]).parse(await once(lines, "line"));
    return await work(addresses.parse(JSON.parse(line)).endpoint);
  } finally {
    hub.stdin.end();
    await ended;
  }
}
