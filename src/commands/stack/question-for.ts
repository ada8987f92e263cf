import { capabilitiesOf, type Catalog, modelsOfGroups } from "../../catalog/catalog.ts";
import type { Question } from "../../health/prove.ts";
import type { Answers } from "../../plan/questions.ts";

/** The catalog's test question, where the chosen models let the stack answer it; null where there is none. */
export function questionFor(
  catalog: Catalog,
  { groups }: Pick<Answers, "groups">,
): Question | null {
  const { proof } = catalog.stack;
  if (proof === null) return null;
  const { capability, ...question } = proof;
  const able = capabilitiesOf(modelsOfGroups(catalog, groups));
  return capability === null || able.includes(capability) ? question : null;
}
