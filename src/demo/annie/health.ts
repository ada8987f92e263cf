import type { FoundModel } from "./model-loader.ts";
import type { RegisteredModel } from "./registry.ts";

export interface HealthReport {
  readonly status: "starting" | "healthy";
  readonly checks: {
    readonly gpu: { readonly available: boolean; readonly device: string };
    readonly models: Readonly<Record<string, FoundModel>>;
  };
  readonly capabilities: Readonly<Record<string, boolean>>;
}

/** The health contract: healthy once the models of the lowest tier are there; each capability with its own model. */
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
