/**
 * Stands in for `python -m her_os.bootstrap`, as the seed describes it: a model whose folder is in the cache is left alone, what is
 * missing is fetched from the Hub, and every step is printed. Ends with 1 where something could not be had. Runs on Node alone.
 */
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Part, registry } from "./registry.ts";

const env = process.env;
const cache = env["HF_HOME"] ?? "/data/models";
const endpoint = env["HF_ENDPOINT"] ?? "https://huggingface.co";
const all = process.argv.includes("--all");
/** 0 is everything, as in Python. */
const cutoff = all ? 0 : Number(env["DOWNLOAD_PRIORITY"] ?? 0);

function say(line: string): void {
  process.stdout.write(`[bootstrap] ${line}\n`);
}

async function ask(path: string): Promise<Response> {
  const response = await fetch(`${endpoint}${path}`);
  if (!response.ok) throw new Error(`${response.status} for ${path}`);
  return response;
}

async function fetchRepo({ repo, files }: Part): Promise<void> {
  const folder = join(cache, `models--${repo.replace("/", "--")}`);
  const baked = env["HER_OS_BAKED_MODELS"];
  if (baked !== undefined && existsSync(join(baked, repo.replace("/", "--")))) {
    say(`${repo} ready (baked)`);
    return;
  }
  if (existsSync(folder)) {
    say(`${repo} ready (cached)`);
    return;
  }
  if (env["HF_HUB_OFFLINE"] === "1") throw new Error(`${repo} is not cached, and HF_HUB_OFFLINE=1`);
  say(`Ensuring ${repo}...`);
  const { sha } = (await (await ask(`/api/models/${repo}/revision/main`)).json()) as {
    readonly sha: string;
  };
  const partial = join(cache, `.bootstrap-${repo.replace("/", "--")}`);
  await rm(partial, { recursive: true, force: true });
  for (const [index, file] of files.entries()) {
    const target = join(partial, "snapshots", sha, file);
    await mkdir(dirname(target), { recursive: true });
    const { body } = await ask(`/${repo}/resolve/${sha}/${file}`);
    if (body === null) throw new Error(`nothing came for ${file}`);
    await pipeline(Readable.fromWeb(body), createWriteStream(target));
    say(`${repo}: ${Math.round(((index + 1) / files.length) * 100)}%`);
  }
  await mkdir(join(partial, "refs"), { recursive: true });
  await writeFile(join(partial, "refs", "main"), sha);
  await rename(partial, folder);
  say(`${repo} ready`);
}

say(`cutoff ${cutoff}, DOWNLOAD_PRIORITY ${env["DOWNLOAD_PRIORITY"] ?? "unset"}`);
try {
  if (env["BOOTSTRAP_FAILS"] !== undefined) throw new Error(env["BOOTSTRAP_FAILS"]);
  for (const { name, tier, parts } of registry) {
    const leftOut = name === "embedding_8b" && env["HER_OS_ENABLE_8B"] !== "true";
    if (leftOut || (cutoff > 0 && tier > cutoff)) say(`Skipping ${name}`);
    else for (const part of parts) await fetchRepo(part);
  }
  say("all models are ready");
} catch (error) {
  say(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
