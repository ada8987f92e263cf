import { capabilityTitle, wordsOf } from "../../catalog/capabilities.ts";
import { capabilitiesOf, type Catalog, modelsOfGroups } from "../../catalog/catalog.ts";
import { toldBy } from "../../health/contracts.ts";
import type { HealthQuestion, OtherService } from "../../health/health.ts";
import type { StackConfig } from "../../docker/compose.ts";
import { publishedOf } from "../../deploy/compose/core-service.ts";

export interface HealthQuestionRequest {
  readonly catalog: Catalog;
  /** The chosen ones, by id. */
  readonly groups: readonly string[];
  readonly stackDir: string;
  /** Where the stack answers: `http://127.0.0.1:8000`. */
  readonly url: string;
  /** As compose merges it, for the ports of other services; null where nobody knows: then Docker is asked of them. */
  readonly config: StackConfig | null;
}

/** How a stack is asked for its health. */
export function healthQuestion(request: HealthQuestionRequest): HealthQuestion {
  const { catalog, groups, stackDir, url, config } = request;
  const { stack } = catalog;
  const wanted = capabilitiesOf(modelsOfGroups(catalog, groups));
  const others = wanted.flatMap((capability): OtherService[] => {
    const seen = wordsOf(catalog, capability)?.seen ?? null;
    if (seen === null) return [];
    const { service, port, contract } = seen;
    const published =
      config === null || port === null
        ? null
        : publishedOf(config, { service, inside: port, wanted: port });
    const isKnown = published !== null && published !== "chosen";
    const other = isKnown ? `http://${published.host}:${published.port}` : null;
    return [{ capability, service, url: other, contract }];
  });
  const told = new Set([...toldBy(stack.health), ...others.map(({ capability }) => capability)]);
  return {
    url,
    contract: stack.health,
    groups,
    service: stack.service ?? "",
    stackDir,
    others,
    implied: wanted.filter((name) => !told.has(name)),
    titleOf: (name) => capabilityTitle(catalog, name),
  };
}
