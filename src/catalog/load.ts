import { z } from "zod";
import type { Catalog, CatalogModel, RepoFiles } from "./catalog.ts";
import { failure } from "../run/failures/table.ts";
import { readCheckedYaml, type WrongKey } from "./checked-yaml.ts";

const repoName = z
  .string()
  .regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name, as in openai/whisper-large-v3")
  .refine((name) => !name.includes("..") && !name.includes("--"), "must not contain '..' or '--'");
const revision = z
  .string()
  .regex(/^(?!.*\.\.)\w[\w./-]*$/, "must be a commit or a branch")
  .default("main");
const files = z.array(z.string().min(1)).min(1).optional();
const repoFiles = z.strictObject({ repo: repoName, revision, files });

const variableName = z.string().regex(/^[A-Za-z_]\w*$/, "must be the name of a variable");

const tierShape = z.strictObject({
  id: z.int().positive(),
  name: z.string().min(1),
  required: z.boolean().default(false),
  default: z.boolean().default(false),
});

const modelShape = repoFiles.extend({
  id: z.string().regex(/^[a-zA-Z0-9][\w.-]*$/, "must consist of letters, digits, '.', '_' and '-'"),
  title: z.string().min(1).optional(),
  tier: z.int().positive(),
  purpose: z.string().default(""),
  capability: z.string().min(1).nullable().default(null),
  memoryGib: z.number().nonnegative().default(0),
  enabledBy: variableName.nullable().default(null),
  also: z.array(repoFiles).default([]),
});

const service = z
  .strictObject({ environment: z.record(variableName, z.string()).default({}) })
  .default({ environment: {} });

const catalogShape = z.strictObject({
  schema: z.literal(1),
  stack: z.string().min(1),
  tiers: z.array(tierShape).min(1),
  variables: z
    .strictObject({
      startup: variableName.exactOptional(),
      tiers: variableName.exactOptional(),
      models: variableName.exactOptional(),
      bakedModels: variableName.exactOptional(),
    })
    .default({}),
  core: service,
  warmup: service,
  models: z.array(modelShape).min(1),
});

/**
 * Reads a catalog of models.
 * @param text YAML, schema 1
 * @param source the file's name, for errors
 * @throws Failure `catalog.invalid` (exit 2) that names the file, and line and key of all that is wrong
 */
export function parseCatalog(text: string, source: string): Catalog {
  const { value, require } = readCheckedYaml({
    text,
    source,
    shape: catalogShape,
    failure: (where, cause) => failure("catalog.invalid", where, cause),
  });
  const tiers = new Set<number>();
  const ids = new Set<string>();
  const wrong: WrongKey[] = [];
  for (const [index, { id }] of value.tiers.entries()) {
    const path = ["tiers", index, "id"];
    if (tiers.has(id)) wrong.push({ path, problem: `tier ${id} is duplicated` });
    tiers.add(id);
  }
  for (const [index, { id, tier }] of value.models.entries()) {
    const path = ["models", index];
    if (ids.has(id)) wrong.push({ path: [...path, "id"], problem: `"${id}" is duplicated` });
    if (!tiers.has(tier)) {
      wrong.push({ path: [...path, "tier"], problem: `unknown tier ${tier}` });
    }
    ids.add(id);
  }
  require(wrong);
  return {
    stack: value.stack,
    tiers: value.tiers.toSorted((a, b) => a.id - b.id),
    models: value.models.map(toModel).toSorted((a, b) => a.tier - b.tier),
    variables: value.variables,
    coreEnvironment: value.core.environment,
    warmupEnvironment: value.warmup.environment,
  };
}

function toModel(model: z.output<typeof modelShape>): CatalogModel {
  const { id, title = id, tier, purpose, capability, memoryGib, enabledBy } = model;
  const parts: CatalogModel["parts"] = [toRepoFiles(model), ...model.also.map(toRepoFiles)];
  return { id, title, tier, purpose, capability, memoryGib, enabledBy, parts };
}

function toRepoFiles(part: z.output<typeof repoFiles>): RepoFiles {
  return { repo: part.repo, revision: part.revision, files: part.files ?? null };
}
