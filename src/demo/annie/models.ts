import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Catalog, RepoFiles } from "../../catalog/catalog.ts";
import { matchesGlob } from "../../run/glob.ts";
import { isRecord, parseJson } from "../../run/json.ts";
import type { HealthReport } from "../../run/health-report.ts";

/** A model that the demo Annie was built for, as the real one has it in her MODEL_REGISTRY. */
export interface RegisteredModel {
  /** Its name in her health report. */
  readonly name: string;
  readonly tier: number;
  readonly capability: string | null;
  readonly parts: readonly RepoFiles[];
}

/** What she reads as one line of JSON on stdin when she starts. */
export interface AnnieConfig {
  readonly port: number;
  readonly models: readonly RegisteredModel[];
  /** Folders on this machine that her variables name, the bind mounts worked out. Null: not set. */
  readonly bakedModels: string | null;
  readonly hubCache: string | null;
  readonly home: string | null;
  /** From start to her first answer, and again until she has looked for models. */
  readonly startMs: number;
}

export function registerModels(catalog: Catalog): RegisteredModel[] {
  return catalog.models.map(({ id, priority: tier, capability, parts }) => ({
    name: id,
    tier,
    capability,
    parts,
  }));
}

export type Places = Pick<AnnieConfig, "bakedModels" | "hubCache" | "home">;

export interface FoundModel {
  readonly status: "ready" | "downloading" | "pending";
  readonly source?: "baked" | "cache";
  readonly progress?: string;
}

/**
 * Looks for a model as her-os's model_loader.py does: first where the image has it baked in, then in the Hub cache.
 * Unlike it, she opens what she finds: a folder alone is no model.
 */
export async function findModel(model: RegisteredModel, places: Places): Promise<FoundModel> {
  const [own] = model.parts;
  if (places.bakedModels !== null && own !== undefined) {
    const baked = join(places.bakedModels, own.repo.replace("/", "--"));
    if (await isThere(baked)) return { status: "ready", source: "baked" };
  }
  const parts = await Promise.all(model.parts.map((part) => findPart(part, places)));
  const begun = parts.some((part) => part.begun);
  const wanted = parts.reduce((sum, part) => sum + part.wanted, 0);
  const found = parts.reduce((sum, part) => sum + part.found, 0);
  if (found === wanted) return { status: "ready", source: "cache" };
  const percent = await toldPercent(model.name, places);
  if (percent !== null) return { status: "downloading", progress: `${percent}%` };
  if (!begun) return { status: "pending" };
  return { status: "downloading", progress: `${Math.floor((found / wanted) * 100)}%` };
}

/** How long what heros told last is believed. */
const toldForMs = 30_000;

/** How far heros says that it is with a model that it fetches; null where it says nothing. */
async function toldPercent(id: string, places: Places): Promise<number | null> {
  for (const root of cacheRoots(places)) {
    const text = await readFile(join(root, ".heros/progress.json"), "utf8").catch(() => "{}");
    const told = parseJson(text);
    if (!isRecord(told) || !Array.isArray(told["models"])) continue;
    if (Date.now() - Date.parse(String(told["updatedAt"])) > toldForMs) continue;
    const own = told["models"].filter(isRecord).find((model) => model["id"] === id);
    if (own?.["state"] === "waiting" || typeof own?.["percent"] !== "number") continue;
    return own["percent"];
  }
  return null;
}

/** Her libraries take HF_HUB_CACHE, else $HF_HOME/hub; her own loader looks right below HF_HOME. */
function cacheRoots({ hubCache, home }: Places): string[] {
  const below = home === null ? [] : [join(home, "hub"), home];
  return hubCache === null ? below : [hubCache, ...below];
}

interface FoundPart {
  readonly begun: boolean;
  readonly wanted: number;
  readonly found: number;
}

async function findPart(part: RepoFiles, places: Places): Promise<FoundPart> {
  const globs = part.files ?? ["config.json"];
  const missing = { begun: false, wanted: globs.length, found: 0 };
  for (const root of cacheRoots(places)) {
    const repo = join(root, `models--${part.repo.replace("/", "--")}`);
    if (!(await isThere(repo))) continue;
    const snapshot = await findSnapshot(repo, part.revision);
    if (snapshot === null) return { ...missing, begun: true };
    const paths = await readdir(snapshot, { recursive: true });
    const whole = new Set<string>();
    for (const path of paths) {
      const info = await stat(join(snapshot, path)).catch(() => null);
      // A link whose blob is not there is as good as no file; so is an empty one.
      if (info === null) return { ...missing, begun: true };
      if (info.isFile() && info.size > 0) whole.add(path);
    }
    const found = globs.filter((glob) => [...whole].some((path) => matchesGlob(path, glob)));
    return { begun: true, wanted: globs.length, found: found.length };
  }
  return missing;
}

async function findSnapshot(repo: string, revision: string): Promise<string | null> {
  const pinned = join(repo, "snapshots", revision);
  if (await isThere(pinned)) return pinned;
  const commit = await readFile(join(repo, "refs", revision), "utf8").catch(() => null);
  if (commit === null) return null;
  // As Python does it: the text as it is, so a newline at its end leads nowhere.
  const named = join(repo, "snapshots", commit);
  return (await isThere(named)) ? named : null;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** As the contract has it: healthy once the models of the lowest tier are there; each capability with its own model. */
export function reportHealth(
  models: readonly RegisteredModel[],
  found: ReadonlyMap<string, FoundModel>,
): HealthReport {
  const isReady = (model: RegisteredModel) => found.get(model.name)?.status === "ready";
  const lowestTier = Math.min(...models.map((model) => model.tier));
  const capabilities: Record<string, boolean> = {};
  for (const model of models) {
    const { capability } = model;
    if (capability !== null)
      capabilities[capability] = (capabilities[capability] ?? true) && isReady(model);
  }
  return {
    status: models.filter(({ tier }) => tier === lowestTier).every(isReady)
      ? "healthy"
      : "starting",
    checks: {
      gpu: { available: true, device: "NVIDIA GB10" },
      models: Object.fromEntries(
        models.map(({ name }) => [name, found.get(name) ?? { status: "pending" }]),
      ),
    },
    capabilities,
  };
}
