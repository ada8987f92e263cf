import type { CatalogModel } from "../../catalog/catalog.ts";
import { formatBytes } from "../../run/units.ts";
import { listedModels, viewCache } from "./survey.ts";
import type { Placed } from "../models-place.ts";
import type { Fetching, Work } from "../request.ts";

/**
 * Tells of each model whether it is here, and where.
 * @returns the sentences of the closing page
 * @throws AbortError
 */
export async function listModels(
  work: Work,
  fetching: Placed<Fetching>,
  models: readonly CatalogModel[],
): Promise<string[]> {
  const { survey } = await viewCache(work, { fetching, models, ask: "unknown" });
  const unknown = survey.models.filter(({ problem }) => problem !== null);
  const problem = unknown[0]?.problem ?? null;
  if (problem !== null) {
    const titles = unknown.map(({ title }) => title).join(", ");
    work.emit({
      type: "notice",
      level: "warning",
      code: problem.code,
      message: `Not known how large these are: ${titles}. ${problem.message}`,
      hint: problem.hint,
    });
  }
  const listed = listedModels(survey, models);
  work.emit({ type: "models.listed", cacheDir: survey.cacheDir, models: listed });
  const missing = listed.filter(({ state }) => state !== "here");
  if (missing.length === 0) return ["All of these models are here."];
  const known = missing.filter(({ totalBytes }) => totalBytes !== null);
  const bytes = known.reduce((sum, each) => sum + (each.totalBytes ?? 0) - each.receivedBytes, 0);
  const size = known.length === 0 ? "" : `${formatBytes(bytes)} to download. `;
  const named = missing.length === 1 ? missing[0]?.id : "MODEL";
  return [
    `${listed.length - missing.length} of ${listed.length} are here. ${size}Get one with heros pull ${named ?? "MODEL"}.`,
  ];
}
