import { capacityNumbers, type Capacity } from "../../catalog/capacity.ts";
import { type Catalog, modelsOfGroups, prioritiesOf } from "../../catalog/catalog.ts";
import { fillPlaceholders, type Placeholder } from "../../catalog/placeholders.ts";
import type { CatalogService } from "../../catalog/stack.ts";
import type { PlannedService } from "../../deploy/compose/deployment.ts";
import type { Answers } from "../../plan/questions.ts";

export interface FillRequest {
  readonly catalog: Catalog;
  readonly answers: Pick<Answers, "groups" | "startup">;
  /** Null where nobody looked at the machine: then numbers of it are 0. */
  readonly capacity: Capacity | null;
}

/** The services of a catalog, with the answers and the machine filled in. */
export function fillServices(request: FillRequest): PlannedService[] {
  const { catalog, answers } = request;
  return catalog.stack.services.map((service): PlannedService => {
    const { name, mounts, token, gpus, memory, bakedModels, groups, warmup } = service;
    const fill = (text: string) =>
      fillPlaceholders(text, (each) => valueOf(request, service, each));
    const filled = (texts: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, fill(text)]));
    return {
      name,
      mounts,
      token,
      gpus,
      memory,
      bakedModels,
      environment: filled(service.environment),
      command: service.command?.map(fill) ?? null,
      isOff: groups.length > 0 && !groups.some((group) => answers.groups.includes(group)),
      warmup:
        warmup === null
          ? null
          : {
              name: warmup.name,
              token: warmup.token,
              environment: filled(warmup.environment),
              entrypoint: (areAllChosen(request) ? warmup.entrypointForAll : warmup.entrypoint).map(
                fill,
              ),
            },
    };
  });
}

/** Every model is chosen, but those that a variable enables. */
function areAllChosen({ catalog, answers }: FillRequest): boolean {
  return catalog.models.every(
    ({ enabledBy, group }) => enabledBy !== null || answers.groups.includes(group),
  );
}

function valueOf(
  { catalog, answers, capacity }: FillRequest,
  service: CatalogService,
  { name, argument }: Placeholder,
): string {
  const { groups, startup } = answers;
  const chosen = modelsOfGroups(catalog, groups);
  const priorities = prioritiesOf(catalog, groups);
  const numbers = capacityNumbers(capacity);
  switch (name) {
    case "startup":
      return startup;
    case "groups":
      return groups.join(",");
    case "priorities":
      return priorities.join(",");
    case "last-priority":
      return String(Math.max(0, ...priorities));
    case "models":
      return chosen.map(({ parts: [{ repo, revision }] }) => `${repo}@${revision}`).join(",");
    case "chosen":
      return String(chosen.some(({ id }) => id === argument));
    case "chosen-group":
      return String(groups.includes(argument ?? ""));
    case "hub":
    case "ollama":
      return service.mounts.find(({ store }) => store === name)?.at ?? "";
    case "gpus":
      return String(gpusOf(service, numbers.gpus));
    case "gpu-memory-gib":
    case "memory-gib":
      return String(Math.floor(numbers[name]));
    case "gpu-share":
      return gpuShare(catalog, service, numbers["gpu-memory-gib"]);
    case "value": {
      const value = catalog.stack.values[argument ?? ""];
      const step = value?.steps.findLast(({ from }) => from <= numbers[value.of]);
      return step?.value ?? "";
    }
    default:
      return "";
  }
}

/** As many as the service gets of this machine's; at least one, for programs that count from there. */
function gpusOf({ gpus }: CatalogService, here: number): number {
  if (gpus === null) return 0;
  const wanted = gpus.kind === "all" ? here : gpus.kind === "count" ? gpus.count : gpus.ids.length;
  return Math.max(1, Math.min(wanted, here));
}

/** Nobody can have all of it: the driver and other programs need some. */
const largestShare = 0.9;
const smallestShare = 0.05;

/** Of the memory of one GPU, what the models that the service loads are recommended to have. */
function gpuShare(catalog: Catalog, { loads, gpus }: CatalogService, gpuMemoryGib: number): string {
  const wantedGib = catalog.models
    .filter(({ id }) => loads.includes(id))
    .reduce((sum, { recommendedGib }) => sum + recommendedGib, 0);
  if (gpuMemoryGib === 0 || gpus === null || wantedGib === 0) return String(largestShare);
  const share = Math.min(largestShare, Math.max(smallestShare, wantedGib / gpuMemoryGib));
  return (Math.ceil(share * 100) / 100).toFixed(2);
}
