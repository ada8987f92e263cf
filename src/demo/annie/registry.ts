import type { Catalog, RepoFiles } from "../../catalog/catalog.ts";

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
  return catalog.models.map(({ id, tier, capability, parts }) => ({
    name: id,
    tier,
    capability,
    parts,
  }));
}
