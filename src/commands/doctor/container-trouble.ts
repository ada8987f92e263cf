import type { ContainerTrouble } from "../../checks/installation.ts";
import { coreCache, type CoreOf } from "../../deploy/compose/core-service.ts";
import { type ListRequest, mustFinish, neededBy, readStackConfig } from "../../docker/compose.ts";
import type { Container } from "../../docker/containers.ts";
import { explainContainer, knownOf } from "../../docker/explain-container.ts";
import { inspectContainers } from "../../docker/inspect-containers.ts";

/** What is wrong with a container that does not run, as the watch over a start would say it. */
export async function findTrouble(
  stack: CoreOf,
  asked: ListRequest,
  container: Container,
): Promise<ContainerTrouble> {
  const [config, known] = await Promise.all([
    readStackConfig(asked),
    inspectContainers(asked, [container]),
  ]);
  const details = known.get(container.name) ?? null;
  const outOfMemory = details?.outOfMemory === true;
  const failure = await explainContainer({
    ...asked,
    // The check tells.
    emit: () => {},
    container,
    modelsAt: coreCache(stack),
    outOfMemory,
    ...knownOf(container, { config, details }),
    holdsBack: config !== null && mustFinish(container.service, config),
  });
  const own = stack.service ?? "";
  const needed = config === null ? new Set([own]) : neededBy(own, config);
  return { failure, isNeeded: needed.has(container.service), outOfMemory };
}
