import { capabilitiesOf, type Catalog, modelsOfTiers } from "../../catalog/catalog.ts";
import type { Question } from "../../health/prove.ts";
import type { Answers } from "../../plan/questions.ts";

/** The catalog's test question, where the chosen models let her answer it; null where there is none. */
export function questionFor(catalog: Catalog, { tiers }: Pick<Answers, "tiers">): Question | null {
  const { proof } = catalog;
  if (proof === null) return null;
  const { capability, ...question } = proof;
  const able = capabilitiesOf(modelsOfTiers(catalog, tiers));
  return capability === null || able.includes(capability) ? question : null;
}
