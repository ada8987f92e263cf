import { z } from "zod";

/** What both schemas have in common. Each message says what would be right. */

export const variableName = z
  .string()
  .regex(/^[A-Za-z_]\w*$/, "must be the name of a variable")
  .meta({ description: "The name of an environment variable" });

export const shortText = z
  .string()
  .min(1, "must not be empty")
  .max(500, "must not be longer than 500 characters");
export const longText = z.string().max(10_000, "must not be longer than 10000 characters");

/** Of models, groups and stacks. */
export const idName = z
  .string()
  .max(100, "must not be longer than 100 characters")
  .regex(/^[a-zA-Z0-9][\w.-]*$/, "must consist of letters, digits, '.', '_' and '-'");

export const gib = z.number().nonnegative("must not be negative").max(100_000);

const repoName = z
  .string()
  .regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name, as in mistralai/Mistral-7B-v0.3")
  .refine((name) => !name.includes("..") && !name.includes("--"), "must not contain '..' or '--'");
const revision = z
  .string()
  .max(300)
  .regex(/^(?!.*\.\.)\w[\w./-]*$/, "must be a commit or a branch");
const files = z
  .array(
    z
      .string()
      .min(1)
      .max(1000)
      .regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))/, "must be a path inside the repository"),
  )
  .min(1, "must name at least one file; leave it out for all")
  .max(10_000)
  .optional();

export const repoFiles = z.strictObject({
  repo: repoName.meta({ description: "A repository of the Hugging Face Hub: OWNER/NAME" }),
  revision: revision.default("main").meta({ description: "A commit (40 hex digits), or a branch" }),
  files: files.meta({ description: "Globs of the files that are wanted; left out: every file" }),
});

export { files, repoName, revision };

/** Keys, and numbers of lists, with dots between them. */
export const answerPath = z
  .string()
  .max(200)
  .regex(/^[\w-]+(?:\.[\w-]+)*$/, "must be keys with dots between them, such as results.0.text");

export const urlPath = z
  .string()
  .max(500)
  .regex(/^\/(?!\/)[!-~]*$/, "must be a path on the service's own address, such as /search")
  .refine((path) => !/[\\#]/.test(path), "must not contain '\\' or '#'");

export const proofShape = z.strictObject({
  capability: shortText.nullable().default(null),
  request: z.strictObject({
    method: z.enum(["GET", "POST"]).default("GET"),
    path: urlPath,
    body: z.json().optional(),
  }),
  answer: z.strictObject({ path: answerPath }),
});
export type WrittenProof = z.output<typeof proofShape>;

export const gpuImages = z
  .array(
    z.strictObject({
      image: z
        .string()
        .max(200)
        .regex(
          /^[a-z0-9][a-z0-9._-]*$/,
          "must be the last part of an image's name, without its tag",
        ),
      memoryGib: gib.default(0),
    }),
  )
  .max(100)
  .default([]);

export const capabilityWords = z.strictObject({
  title: shortText,
  sentence: shortText,
  nightly: z.boolean().default(false),
});
