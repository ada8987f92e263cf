import { z } from "zod";
import {
  answerPath,
  capabilityWords,
  files,
  gib,
  gpuImages,
  idName,
  longText,
  proofShape,
  repoFiles,
  repoName,
  revision,
  shortText,
  urlPath,
  variableName,
} from "./shapes.ts";

const serviceName = z
  .string()
  .max(100)
  .regex(/^[a-zA-Z0-9._-]+$/, "must be the name of a service of the compose file");
const groupNames = z.array(idName).max(100).default([]);
const portNumber = z
  .int()
  .min(1, "must be a port from 1 to 65535")
  .max(65_535, "must be a port from 1 to 65535");
const memorySize = z
  .string()
  .regex(/^\d+(?:\.\d+)?[bkmgBKMG]?[bB]?$/, "must be a size as compose has it, such as 12G");
const environment = z
  .record(variableName, z.union([longText, z.number(), z.boolean()]).transform(String))
  .default({});
const absolutePath = z
  .string()
  .max(500)
  .regex(
    /^\/(?!.*\/\.\.?(?:\/|$))[^\0:]*[^\0:/]$/,
    "must be an absolute path, without a slash at its end",
  );

const mount = z.strictObject({
  store: z
    .enum(["hub", "ollama"])
    .meta({ description: "Which models: those of the Hub, or Ollama's" }),
  at: absolutePath.meta({
    description:
      "Where the service looks for them: the folder of models--…, or Ollama's folder of blobs and manifests",
  }),
  readOnly: z
    .boolean()
    .optional()
    .meta({ description: "Left out: yes for the Hub's, no for Ollama's" }),
});

const gpus = z.union(
  [
    z.literal("all"),
    z.literal("none"),
    z.strictObject({ count: z.int().min(1).max(64) }),
    z.strictObject({
      device_ids: z
        .array(z.string().regex(/^[\w.:-]+$/))
        .min(1)
        .max(64),
    }),
  ],
  'must be all, none, {count: N} or {device_ids: ["0"]}',
);

const words = z.array(longText).min(1).max(200);

const warmup = z.strictObject({
  name: serviceName.meta({ description: "The name of the service that looks for the models" }),
  entrypoint: words,
  entrypointForAll: words.optional(),
  environment,
  token: z.boolean().default(false),
});

const service = z.strictObject({
  models: z.array(mount).max(10).default([]),
  environment,
  token: z.boolean().default(false),
  gpus: gpus.default("none"),
  memory: z
    .strictObject({ limit: memorySize.exactOptional(), reservation: memorySize.exactOptional() })
    .default({}),
  command: words
    .optional()
    .meta({ description: "Arguments, in place of those of the compose file" }),
  groups: groupNames.meta({ description: "It runs only where one of these groups is chosen" }),
  loads: z
    .array(idName)
    .max(100)
    .default([])
    .meta({ description: "Models that it loads; {gpu-share} counts them" }),
  reads: z
    .array(variableName)
    .max(200)
    .default([])
    .meta({ description: "Variables that its image reads beside these" }),
  bakedModels: variableName.optional(),
  warmup: warmup.optional(),
});

const expectation = z.strictObject({
  path: answerPath,
  equals: z.union([z.string(), z.number(), z.boolean()]).exactOptional(),
  groups: groupNames,
  capability: shortText.nullable().default(null),
});
const served = z.union([
  shortText.transform((name) => ({ name, capability: null, groups: [] as string[] })),
  z.strictObject({
    name: shortText,
    capability: shortText.nullable().default(null),
    groups: groupNames,
  }),
]);

const health = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({ kind: z.literal("annie"), path: urlPath.default("/health") }),
    z.strictObject({
      kind: z.literal("http"),
      path: urlPath.default("/health"),
      expects: z.array(expectation).max(100).default([]),
    }),
    z.strictObject({ kind: z.literal("openai"), models: z.array(served).max(100).default([]) }),
    z.strictObject({ kind: z.literal("ollama"), models: z.array(served).max(100).default([]) }),
    z.strictObject({ kind: z.literal("compose") }),
  ],
  "must have a kind: annie, http, openai, ollama or compose",
);

const capability = capabilityWords.extend({
  seen: z
    .strictObject({ service: serviceName, port: portNumber.optional(), health })
    .optional()
    .meta({
      description:
        "Which service shows that it is there, where the stack's own health does not say",
    }),
});

const password = z.union([
  variableName.transform((variable) => ({
    variable,
    images: [] as string[],
    data: [] as string[],
  })),
  z.strictObject({
    variable: variableName,
    images: z.array(shortText).max(20).default([]),
    data: z.array(shortText).max(20).default([]),
  }),
]);

const machineValue = z.strictObject({
  of: z.enum(["gpu-memory-gib", "memory-gib", "gpus"]),
  steps: z
    .record(
      z.string().regex(/^\d+(?:\.\d+)?$/, "must be a number"),
      z.union([z.string(), z.number()]).transform(String),
    )
    .refine((steps) => Object.hasOwn(steps, "0"), "must have a step from 0 on"),
});

const relativePath = z
  .string()
  .max(200)
  .regex(
    /^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[^\0]+$/,
    "must be a folder below the one that is chosen",
  );

const stack = z.strictObject({
  id: z
    .string()
    .max(60)
    .regex(/^[a-z0-9][a-z0-9_-]*$/, "must consist of small letters, digits, '_' and '-'"),
  title: shortText.optional(),
  gives: shortText.optional().meta({ description: "What it is, in a line" }),
  assistant: shortText
    .optional()
    .meta({ description: "What it is called in sentences; left out: the title" }),
  base: z
    .string()
    .max(500)
    .default("none")
    .meta({ description: "The compose file: one of heros', a path (./compose.yml), or none" }),
  service: serviceName.optional().meta({ description: "The service that answers" }),
  port: z
    .strictObject({
      variable: variableName,
      bind: variableName.optional(),
      usual: portNumber,
      inside: portNumber,
    })
    .optional(),
  health: health.default({ kind: "compose" }),
  capabilities: z.record(shortText, capability).default({}),
  proof: proofShape.optional(),
  passwords: z.array(password).max(50).default([]),
  gpuImages,
  layout: z
    .strictObject({ hub: relativePath.default("."), ollama: relativePath.default("ollama") })
    .default({ hub: ".", ollama: "ollama" }),
  earlierVolume: serviceName
    .optional()
    .meta({ description: "The volume of compose files in which earlier installs kept models" }),
  values: z
    .record(z.string().regex(/^[a-z][a-z0-9-]*$/, "must be a word of small letters"), machineValue)
    .default({}),
  services: z.record(serviceName, service).default({}),
});

const needs = z
  .strictObject({
    gpuMemoryGib: gib.default(0),
    gpus: z.int().min(0).max(64).default(0),
    memoryGib: gib.default(0),
  })
  .default({ gpuMemoryGib: 0, gpus: 0, memoryGib: 0 });

const group = z.strictObject({
  id: idName,
  title: shortText.optional(),
  gives: shortText.optional(),
  priority: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .meta({ description: "Lower comes first; left out: its place in the list" }),
  required: z.boolean().default(false),
  default: z.boolean().default(false),
  choice: z.boolean().default(true),
  requires: groupNames,
  oneOf: idName.optional(),
  needs,
});

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hex digits");
const source = z
  .string()
  .max(1000)
  .regex(
    /^(?:ollama|s3|file|https?|hub):\S+$/,
    "must be hub:OWNER/REPO, ollama:MODEL, s3://…, file:///… or https://…",
  );

const where = {
  repo: repoName
    .optional()
    .meta({ description: "A repository of the Hugging Face Hub: OWNER/NAME" }),
  source: source.optional().meta({
    description:
      "ollama:llava:7b in place of repo; or the place that has it: s3://BUCKET/PREFIX, file:///PATH, https://HOST/PREFIX/",
  }),
  revision: revision.optional(),
  digest: digest.optional().meta({ description: "What an Ollama model's manifest must hash to" }),
  files,
  also: z.array(repoFiles).max(100).default([]),
};
const memory = {
  memoryGib: gib.optional(),
  recommendedGib: gib.optional(),
};

const model = z.strictObject({
  id: idName,
  title: shortText.optional(),
  group: idName,
  purpose: z.string().max(200).default(""),
  capability: shortText.nullable().default(null),
  ...where,
  ...memory,
  loading: z.enum(["always", "on-demand"]).default("always"),
  enabledBy: variableName.optional(),
  standIn: idName
    .optional()
    .meta({ description: "The model that gives the capability until this one is there" }),
  variants: z
    .array(z.strictObject({ title: shortText.optional(), ...where, ...memory }))
    .max(20)
    .default([]),
});

/** A stack, groups of models, and the models: `docs/catalog.md` is its tutorial. */
export const schema2 = z.strictObject({
  schema: z.literal(2),
  stack,
  groups: z.array(group).min(1, "must have at least one group").max(1000),
  models: z.array(model).max(10_000).default([]),
});

export type Schema2 = z.output<typeof schema2>;
export type WrittenService = z.output<typeof service>;
export type WrittenModel = z.output<typeof model>;
export type WrittenVariant = WrittenModel["variants"][number];
export type WrittenHealth = z.output<typeof health>;
