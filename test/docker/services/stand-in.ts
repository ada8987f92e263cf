/**
 * Stands in for the services of other stacks where a test runs them for real: a container that looks for its models where
 * its image would, and answers what heros asks such a service. Runs on Node alone.
 *   stand-in.ts IMAGE [ARGUMENTS OF THE SERVICE…]
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { basename, join } from "node:path";
import process from "node:process";

const [image = "", ...args] = process.argv.slice(2);
const { env } = process;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function answer(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

/** Names of Ollama's models that are whole: each blob of the manifest is there, and as long as it says. */
function ollamaModels(root: string): string[] {
  const manifests = join(root, "manifests");
  if (!existsSync(manifests)) return [];
  return readdirSync(manifests, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    if (!entry.isFile()) return [];
    const file = join(entry.parentPath, entry.name);
    const { config, layers } = JSON.parse(readFileSync(file, "utf8")) as {
      config: { digest: string; size: number };
      layers: { digest: string; size: number }[];
    };
    const isWhole = [config, ...layers].every(({ digest, size }) => {
      const blob = join(root, "blobs", digest.replace(":", "-"));
      return existsSync(blob) && statSync(blob).size === size;
    });
    return isWhole ? [`${basename(entry.parentPath)}:${entry.name}`] : [];
  });
}

/** Whether the Hub's cache has a snapshot of a repository with a file of weights that is really there. */
function hasModel(cache: string, repo: string): boolean {
  const snapshots = join(cache, `models--${repo.replace("/", "--")}`, "snapshots");
  if (!existsSync(snapshots)) return false;
  return readdirSync(snapshots, { recursive: true, withFileTypes: true }).some(
    ({ parentPath, name }) =>
      /\.(?:safetensors|bin)$/.test(name) && existsSync(join(parentPath, name)),
  );
}

const ollamaRoot = env["OLLAMA_MODELS"] ?? "/root/.ollama/models";
const hubCache = env["HF_HUB_CACHE"] ?? "/home/ubuntu/.cache/huggingface/hub";
const mistral = "mistralai/Mistral-7B-Instruct-v0.2";

/** What each type of worker must find before it registers. */
const wants: Readonly<Record<string, () => boolean>> = {
  "cpu-worker": () => hasOllama("nomic-embed-text", "llama3.2"),
  embedding: () => hasOllama("nomic-embed-text"),
  ocr: () => hasOllama("llava"),
  "gpu-worker": () =>
    hasOllama("nomic-embed-text", "llama3.2", "llava") && hasModel(hubCache, mistral),
};

function hasOllama(...names: readonly string[]): boolean {
  const found = ollamaModels(ollamaRoot).map((name) => name.split(":")[0]);
  return names.every((name) => found.includes(name));
}

function listen(port: number, reply: (url: string, response: ServerResponse) => void): void {
  createServer((request, response) => {
    request.resume();
    reply(request.url ?? "/", response);
  }).listen(port, "0.0.0.0", () => say(`${image}: listening on ${port}`));
}

function coordinate(): void {
  const workers: Record<string, { status: string }> = {};
  listen(8080, (url, response) => {
    const [, name] = /^\/register\/([\w-]+)$/.exec(url) ?? [];
    if (name !== undefined) {
      workers[name] = { status: "registered" };
      say(`${name} registered`);
    }
    answer(response, { workers });
  });
}

async function work(): Promise<void> {
  const type = env["WORKER_TYPE"] ?? "";
  const coordinator = env["COORDINATOR_URL"] ?? "http://coordinator:8080";
  say(`a ${type}: looking for its models`);
  for (;;) {
    if (wants[type]?.() === true) {
      const told = await fetch(`${coordinator}/register/${type}`).catch(() => null);
      if (told?.ok === true) break;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  say(`${type} has its models, and is registered`);
  setInterval(() => {}, 60_000);
}

process.on("SIGTERM", () => process.exit(0));
say(`${image} ${args.join(" ")}`);
if (image.includes("open-webui")) {
  listen(8080, (url, response) =>
    url === "/health" ? answer(response, { status: true }) : answer(response, {}, 404),
  );
} else if (image.includes("ollama")) {
  listen(11_434, (url, response) =>
    url === "/api/tags"
      ? answer(response, { models: ollamaModels(ollamaRoot).map((name) => ({ name })) })
      : answer(response, {}, 404),
  );
} else if (image.includes("speaches")) {
  listen(8000, (_url, response) =>
    answer(response, {}, hasModel(hubCache, "Systran/faster-whisper-small") ? 200 : 503),
  );
} else if (image.includes("kokoro")) {
  listen(8880, (_url, response) => answer(response, { status: "healthy" }));
} else if (image.includes("vllm")) {
  const model = args[args.indexOf("--model") + 1] ?? mistral;
  listen(8000, (_url, response) =>
    answer(response, { data: hasModel(hubCache, model) ? [{ id: model }] : [] }),
  );
} else if (image.includes("coordinator")) {
  coordinate();
} else {
  await work();
}
