import { z } from "zod";
import type { Catalog, CatalogModel, Group, RepoFiles } from "./catalog.ts";
import type { WrongKey } from "./checked-yaml.ts";
import { toProof, wrongProof } from "./proof.ts";
import {
  gib,
  gpuImages,
  idName,
  proofShape,
  repoFiles,
  shortText,
  variableName,
} from "./shapes.ts";
import type { CatalogService, Stack } from "./stack.ts";

const tierShape = z.strictObject({
  id: z.int().positive(),
  name: shortText,
  required: z.boolean().default(false),
  default: z.boolean().default(false),
});

const modelShape = repoFiles.extend({
  id: idName,
  title: shortText.optional(),
  tier: z.int().positive(),
  purpose: z.string().default(""),
  capability: shortText.nullable().default(null),
  memoryGib: gib.default(0),
  enabledBy: variableName.nullable().default(null),
  also: z.array(repoFiles).default([]),
});

const serviceShape = z
  .strictObject({
    environment: z.record(variableName, z.string()).default({}),
    token: z.boolean().default(false),
  })
  .default({ environment: {}, token: false });

/** Models in numbered tiers, for the stack that the default catalog describes. */
export const schema1 = z.strictObject({
  schema: z.literal(1),
  stack: shortText,
  tiers: z.array(tierShape).min(1).max(1000),
  variables: z
    .strictObject({
      startup: variableName.exactOptional(),
      tiers: variableName.exactOptional(),
      models: variableName.exactOptional(),
      bakedModels: variableName.exactOptional(),
    })
    .default({}),
  core: serviceShape,
  warmup: serviceShape,
  proof: proofShape.optional(),
  gpuImages,
  models: z.array(modelShape).min(1).max(10_000),
});
type Schema1 = z.output<typeof schema1>;

/** What has the right shape, and is wrong. */
export function wrongInSchema1({ tiers, models, proof }: Schema1): WrongKey[] {
  const known = new Set<number>();
  const ids = new Set<string>();
  const wrong: WrongKey[] = [];
  for (const [index, { id }] of tiers.entries()) {
    const path = ["tiers", index, "id"];
    if (known.has(id)) wrong.push({ path, problem: `tier ${id} is duplicated` });
    known.add(id);
  }
  for (const [index, { id, tier }] of models.entries()) {
    const path = ["models", index];
    if (ids.has(id)) wrong.push({ path: [...path, "id"], problem: `"${id}" is duplicated` });
    if (!known.has(tier)) wrong.push({ path: [...path, "tier"], problem: `unknown tier ${tier}` });
    ids.add(id);
  }
  const capabilities = new Set(models.map(({ capability }) => capability));
  return [...wrong, ...wrongProof(proof, capabilities, ["proof"])];
}

/** @param base the stack whose models they are: what the file says of it takes the place of what it has */
export function catalogOfSchema1(value: Schema1, base: Stack): Catalog {
  const groups = value.tiers.map(toGroup).toSorted((a, b) => a.priority - b.priority);
  return {
    stack: {
      ...base,
      proof: value.proof === undefined ? null : toProof(value.proof),
      gpuImages: value.gpuImages,
      services: base.services.map((each) =>
        each.name === base.service ? serviceOfSchema1(each, value) : each,
      ),
    },
    groups,
    models: value.models.map(toModel).toSorted((a, b) => a.priority - b.priority),
  };
}

function serviceOfSchema1(service: CatalogService, value: Schema1): CatalogService {
  const { variables, core, warmup, models } = value;
  const switches = models.flatMap(({ id, enabledBy }) =>
    enabledBy === null ? [] : [[enabledBy, `{chosen:${id}}`]],
  );
  const answers: Record<string, string> = {
    ...named(variables.tiers, "{priorities}"),
    ...(Object.fromEntries(switches) as Record<string, string>),
    ...named(variables.models, "{models}"),
  };
  const own = Object.entries(warmup.environment).map(([name, text]) => [
    name,
    text.replaceAll("{tier}", "{last-priority}"),
  ]);
  return {
    ...service,
    token: core.token,
    environment: { ...core.environment, ...named(variables.startup, "{startup}"), ...answers },
    bakedModels: variables.bakedModels ?? null,
    warmup: service.warmup && {
      ...service.warmup,
      token: warmup.token,
      environment: { ...(Object.fromEntries(own) as Record<string, string>), ...answers },
    },
  };
}

function named(name: string | undefined, value: string): Record<string, string> {
  return name === undefined ? {} : { [name]: value };
}

function toGroup({ id, name, required, default: isDefault }: z.output<typeof tierShape>): Group {
  return {
    id: String(id),
    title: name,
    gives: null,
    priority: id,
    required,
    default: isDefault,
    choice: true,
    requires: [],
    oneOf: null,
    needs: { gpuMemoryGib: 0, gpus: 0, memoryGib: 0 },
  };
}

function toModel(model: z.output<typeof modelShape>): CatalogModel {
  const { id, title = id, tier, purpose, capability, memoryGib, enabledBy } = model;
  return {
    id,
    title,
    group: String(tier),
    priority: tier,
    purpose,
    capability,
    memoryGib,
    recommendedGib: memoryGib,
    loading: "always",
    enabledBy,
    standIn: null,
    variants: [],
    parts: [toRepoFiles(model), ...model.also.map(toRepoFiles)],
  };
}

function toRepoFiles(part: z.output<typeof repoFiles>): RepoFiles {
  return { repo: part.repo, revision: part.revision, files: part.files ?? null };
}
