import { isModelsPlace, parseModelsPlace } from "../run/repos/models-place.ts";
import { parseOllamaName, repoOfOllama } from "../run/repos/ollama.ts";
import type { Catalog, CatalogModel, Group, RepoFiles, Variant } from "./catalog.ts";
import { toProof } from "./proof.ts";
import type {
  Schema2,
  WrittenHealth,
  WrittenModel,
  WrittenService,
  WrittenVariant,
} from "./schema-2.ts";
import type {
  CatalogService,
  Gpus,
  HealthContract,
  Stack,
  StackBase,
  StoreMount,
} from "./stack.ts";

/** @param value checked: what it names is there */
export function catalogOfSchema2(value: Schema2): Catalog {
  const groups = value.groups.map(toGroup).toSorted((one, other) => one.priority - other.priority);
  const priorityOf = new Map(groups.map(({ id, priority }) => [id, priority]));
  return {
    stack: toStack(value.stack),
    groups,
    models: value.models
      .map((model) => toModel(model, priorityOf.get(model.group) ?? 0))
      .toSorted((one, other) => one.priority - other.priority),
  };
}

type WrittenGroup = Schema2["groups"][number];

function toGroup(group: WrittenGroup, index: number): Group {
  const { id, title = id, gives = null, priority = index + 1, oneOf = null } = group;
  const { required, choice, requires, needs } = group;
  return {
    id,
    title,
    gives,
    priority,
    required,
    default: group.default,
    choice,
    requires,
    oneOf,
    needs,
  };
}

function toStack(stack: Schema2["stack"]): Stack {
  const { id, title = id, assistant = title, service = null, port, proof, layout, values } = stack;
  return {
    id,
    title,
    gives: stack.gives ?? null,
    assistant,
    base: baseOf(stack.base),
    service,
    port: port === undefined ? null : { ...port, bind: port.bind ?? null },
    services: Object.entries(stack.services).map(([name, each]) => toService(name, each)),
    health: toHealth(stack.health),
    proof: proof === undefined ? null : toProof(proof),
    capabilities: Object.fromEntries(
      Object.entries(stack.capabilities).map(([name, { seen, ...words }]) => [
        name,
        {
          ...words,
          seen:
            seen === undefined
              ? null
              : { service: seen.service, port: seen.port ?? null, contract: toHealth(seen.health) },
        },
      ]),
    ),
    passwords: stack.passwords,
    gpuImages: stack.gpuImages,
    layout,
    earlierVolume: stack.earlierVolume ?? null,
    values: Object.fromEntries(
      Object.entries(values).map(([name, { of, steps }]) => [
        name,
        {
          of,
          steps: Object.entries(steps)
            .map(([from, text]) => ({ from: Number(from), value: text }))
            .toSorted((one, other) => one.from - other.from),
        },
      ]),
    ),
  };
}

/** A name of ours has no slash. */
function baseOf(base: string): StackBase {
  if (base === "none") return { kind: "none" };
  return base.includes("/") ? { kind: "file", path: base } : { kind: "shipped", name: base };
}

function toService(name: string, service: WrittenService): CatalogService {
  const { command = null, bakedModels = null, warmup, memory } = service;
  return {
    name,
    mounts: service.models.map(({ store, at, readOnly = store === "hub" }): StoreMount => ({
      store,
      at,
      readOnly,
    })),
    environment: service.environment,
    token: service.token,
    gpus: toGpus(service.gpus),
    memory: { limit: memory.limit ?? null, reservation: memory.reservation ?? null },
    command,
    groups: service.groups,
    loads: service.loads,
    reads: service.reads,
    bakedModels,
    warmup:
      warmup === undefined
        ? null
        : { ...warmup, entrypointForAll: warmup.entrypointForAll ?? warmup.entrypoint },
  };
}

function toGpus(gpus: WrittenService["gpus"]): Gpus | null {
  if (gpus === "none") return null;
  if (gpus === "all") return { kind: "all" };
  return "count" in gpus
    ? { kind: "count", count: gpus.count }
    : { kind: "devices", ids: gpus.device_ids };
}

function toHealth(health: WrittenHealth): HealthContract {
  if (health.kind !== "http") return health;
  const { kind, path } = health;
  return {
    kind,
    path,
    expects: health.expects.map((each) => ({ ...each, path: each.path.split(".") })),
  };
}

function toModel(model: WrittenModel, priority: number): CatalogModel {
  const {
    id,
    title = id,
    group,
    purpose,
    capability,
    loading,
    enabledBy = null,
    standIn = null,
  } = model;
  return {
    id,
    title,
    group,
    priority,
    purpose,
    capability,
    ...memoryOf(model),
    loading,
    enabledBy,
    standIn,
    variants: model.variants.map((variant, index): Variant => ({
      title: variant.title ?? `${title} (${index + 2})`,
      ...memoryOf(variant),
      parts: partsOf(variant),
    })),
    parts: partsOf(model),
  };
}

function memoryOf({
  memoryGib = 0,
  recommendedGib = memoryGib,
}: Pick<WrittenVariant, "memoryGib" | "recommendedGib">) {
  return { memoryGib, recommendedGib };
}

/** Where a model is, as sources name it. @throws Failure `ollama.bad_name`, `s3.bad_name`, `folder.bad_name`, … for what the checks found wrong */
export function partsOf(where: WrittenVariant): CatalogModel["parts"] {
  const { repo, source, revision, files = null, digest, also } = where;
  const from =
    source !== undefined && isModelsPlace(source)
      ? { from: parseModelsPlace(source, { cwd: "/", home: "/" }).called }
      : {};
  const others = also.map((part): RepoFiles => ({
    repo: part.repo,
    revision: part.revision,
    files: part.files ?? null,
    ...from,
  }));
  const pinned = digest === undefined ? {} : { digest };
  const ollama =
    source?.startsWith("ollama:") === true ? parseOllamaName(source.slice("ollama:".length)) : null;
  if (ollama !== null) {
    return [
      { repo: repoOfOllama(ollama), revision: ollama.tag, files: null, ...pinned },
      ...others,
    ];
  }
  const name = repo ?? source?.slice("hub:".length) ?? "";
  return [{ repo: name, revision: revision ?? "main", files, ...pinned, ...from }, ...others];
}
