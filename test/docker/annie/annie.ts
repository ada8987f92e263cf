/**
 * Stands in for her-os-core where a test runs the real stack: a container that mounts the model cache, looks into it
 * as her-os's model_loader.py does, and answers the health contract from what it finds. Runs on Node alone.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { type Model, type Part, registry } from "./registry.ts";

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const env = process.env;
const home = env["HF_HOME"] ?? "/data/models";
/** The Hub's library, that is what loads the models, looks here. */
const cache = env["HF_HUB_CACHE"] ?? join(home, "hub");
const revisions = new Map(
  (env["HER_OS_MODELS"] ?? "").split(",").map((entry) => {
    const [repo = "", revision = "main"] = entry.split("@");
    return [repo, revision];
  }),
);

say("her-os-core stand-in: starting");
say(`cache ${cache}: ${readdirSync(cache).join(" ") || "empty"}`);
if (env["ANNIE_CRASH"] !== undefined) {
  say("RuntimeError: CUDA error: out of memory");
  say(`her-os-core cannot go on: ${env["ANNIE_CRASH"]}`);
  process.exit(3);
}

/** What else a test wants her to do. */
const does = env["ANNIE_DOES"] ?? "";
if (does === "exit") {
  say("nothing to do");
  process.exit(0);
}
if (does === "fill memory") {
  const held: Buffer[] = [];
  say("loading whisper");
  setInterval(() => held.push(Buffer.alloc(8 * 1024 * 1024, 1)), 20);
}
const startedAtMs = Date.now();
/** Well for two seconds, and not for the next two. */
const flaps = (): boolean =>
  does === "flap" && Math.floor((Date.now() - startedAtMs) / 2000) % 2 === 1;

/** `get_model_path`: a folder below HF_HOME. Unlike it, every file behind the links must be there too. */
function statusOf(model: Model): "ready" | "downloading" | "pending" {
  if (isBaked(model) && model.parts.slice(1).every(partIsWhole)) return "ready";
  const folders = model.parts.map(({ repo }) => `models--${repo.replace("/", "--")}`);
  if (!folders.some((folder) => isThere(join(home, folder)))) return "pending";
  return model.parts.every(partIsWhole) ? "ready" : "downloading";
}

/** Her loader looks into her image first. */
function isBaked({ parts: [own] }: Model): boolean {
  const folder = env["HER_OS_BAKED_MODELS"];
  return (
    folder !== undefined && own !== undefined && isThere(join(folder, own.repo.replace("/", "--")))
  );
}

/** How far heros says that it is with the model whose first part is this; null where it says nothing. */
function percentOf([part]: readonly Part[]): number | null {
  try {
    const told = JSON.parse(readFileSync(join(cache, ".heros/progress.json"), "utf8")) as {
      models: { state: string; percent: number; parts: { repo: string }[] }[];
    };
    const own = told.models.find(({ parts }) => parts[0]?.repo === part?.repo);
    return own === undefined || own.state === "waiting" ? null : own.percent;
  } catch {
    return null;
  }
}

function partIsWhole({ repo, files }: Part): boolean {
  const folder = join(cache, `models--${repo.replace("/", "--")}`);
  const revision = revisions.get(repo) ?? "main";
  const commit = /^[0-9a-f]{40}$/.test(revision) ? revision : refOf(folder, revision);
  // Libraries that name no revision ask for main.
  const main = refOf(folder, "main");
  return (
    commit !== null &&
    main === commit &&
    files.every((file) => isThere(join(folder, "snapshots", commit, file)))
  );
}

function refOf(folder: string, name: string): string | null {
  try {
    return readFileSync(join(folder, "refs", name), "utf8");
  } catch {
    return null;
  }
}

/** Follows links: a dangling one is not there. */
function isThere(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && (found.isDirectory() || found.size > 0);
}

const server = createServer((request, response) => {
  if (does === "hang") return;
  if (request.url === "/search" && request.method === "POST") {
    const found = does === "find nothing" ? [] : [{ text: "the search works" }];
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ results: found }));
    return;
  }
  if (request.url !== "/health") {
    response.writeHead(404).end("Not Found");
    return;
  }
  const models = registry.map((model) => {
    const status = statusOf(model);
    const percent = status === "ready" ? null : percentOf(model.parts);
    if (percent === null) return { ...model, status, more: {} };
    return { ...model, status: "downloading", more: { progress: `${percent}%` } };
  });
  const healthy = !flaps() && models.every((model) => model.tier > 1 || model.status === "ready");
  const body = {
    status: healthy ? "healthy" : "starting",
    checks: {
      gpu: { available: false, device: null },
      models: Object.fromEntries(
        models.map((model) => {
          const { name, status, more } = model;
          const source = isBaked(model) ? "baked" : "cache";
          return [name, { status, ...more, ...(status === "ready" ? { source } : {}) }];
        }),
      ),
    },
    capabilities: Object.fromEntries(
      models.flatMap(({ capability, status }) =>
        capability === null ? [] : [[capability, status === "ready"]],
      ),
    ),
  };
  response.writeHead(healthy ? 200 : 503, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
});
server.listen(8000, "0.0.0.0", () => say("Uvicorn running on http://0.0.0.0:8000"));
process.on("SIGTERM", () => process.exit(0));
