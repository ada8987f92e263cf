import { z } from "zod";
import type { Catalog, CatalogModel, CatalogProof, RepoFiles } from "./catalog.ts";
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
  .strictObject({
    environment: z.record(variableName, z.string()).default({}),
    token: z.boolean().default(false),
  })
  .default({ environment: {}, token: false });

const proofShape = z.strictObject({
  capability: z.string().min(1).nullable().default(null),
  request: z.strictObject({
    method: z.enum(["GET", "POST"]).default("GET"),
    path: z
      .string()
      .max(500)
      .regex(/^\/(?!\/)[!-~]*$/, "must be a path on Annie's own address, such as /search")
      .refine((path) => !/[\\#]/.test(path), "must not contain '\\' or '#'"),
    body: z.json().optional(),
  }),
  answer: z.strictObject({
    path: z
      .string()
      .max(200)
      .regex(
        /^[\w-]+(?:\.[\w-]+)*$/,
        "must be keys with dots between them, such as results.0.text",
      ),
  }),
});
const maxBodyLength = 10_000;

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
  proof: proofShape.optional(),
  gpuImages: z
    .array(
      z.strictObject({
        image: z
          .string()
          .regex(
            /^[a-z0-9][a-z0-9._-]*$/,
            "must be the last part of an image's name, without its tag",
          ),
        memoryGib: z.number().nonnegative().default(0),
      }),
    )
    .default([]),
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
  const { proof } = value;
  wrong.push(...wrongProof(proof, new Set(value.models.map(({ capability }) => capability))));
  require(wrong);
  return {
    stack: value.stack,
    tiers: value.tiers.toSorted((a, b) => a.id - b.id),
    models: value.models.map(toModel).toSorted((a, b) => a.tier - b.tier),
    variables: value.variables,
    coreEnvironment: value.core.environment,
    warmupEnvironment: value.warmup.environment,
    proof: proof === undefined ? null : toProof(proof),
    gpuImages: value.gpuImages,
    tokenFor: { core: value.core.token, warmup: value.warmup.token },
  };
}

type WrittenProof = z.output<typeof proofShape>;

function wrongProof(
  proof: WrittenProof | undefined,
  capabilities: ReadonlySet<string | null>,
): WrongKey[] {
  if (proof === undefined) return [];
  const { capability, request } = proof;
  const { method, body } = request;
  const wrong: WrongKey[] = [];
  if (capability !== null && !capabilities.has(capability)) {
    wrong.push({
      path: ["proof", "capability"],
      problem: `no model has the capability "${capability}"`,
    });
  }
  if (body !== undefined && method === "GET") {
    wrong.push({ path: ["proof", "request", "body"], problem: "a GET has no body: use POST" });
  }
  const length = lengthAsJson(body ?? null);
  if (length === null || length > maxBodyLength) {
    const problem =
      length === null
        ? "can't be written as JSON: it contains itself"
        : `must not be longer than ${maxBodyLength} characters as JSON`;
    wrong.push({ path: ["proof", "request", "body"], problem });
  }
  return wrong;
}

/** Null for what YAML can say and JSON can't: an anchor within itself. */
function lengthAsJson(value: unknown): number | null {
  try {
    return JSON.stringify(value).length;
  } catch {
    return null;
  }
}

function toProof({ capability, request, answer }: WrittenProof): CatalogProof {
  const { method, path, body = null } = request;
  return { capability, method, path, body, answer: answer.path.split(".") };
}

function toModel(model: z.output<typeof modelShape>): CatalogModel {
  const { id, title = id, tier, purpose, capability, memoryGib, enabledBy } = model;
  const parts: CatalogModel["parts"] = [toRepoFiles(model), ...model.also.map(toRepoFiles)];
  return { id, title, tier, purpose, capability, memoryGib, enabledBy, parts };
}

function toRepoFiles(part: z.output<typeof repoFiles>): RepoFiles {
  return { repo: part.repo, revision: part.revision, files: part.files ?? null };
}
