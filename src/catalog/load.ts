import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from "yaml";
import { z } from "zod";
import { exitCodes, Failure } from "../progress/failure.ts";
import type { Catalog, CatalogModel, RepoFiles } from "./catalog.ts";

const repoName = z
  .string()
  .regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name, as in openai/whisper-large-v3")
  .refine((name) => !name.includes("..") && !name.includes("--"), "must not hold '..' or '--'");
const revision = z.string().regex(/^(?!.*\.\.)[\w][\w./-]*$/, "must be a commit or a branch");
const files = z.array(z.string().min(1)).min(1).optional();
const repoFiles = z.strictObject({ repo: repoName, revision, files });

const catalogShape = z.strictObject({
  schema: z.literal(1),
  stack: z.string().min(1),
  tiers: z
    .array(
      z.strictObject({
        id: z.int().positive(),
        name: z.string().min(1),
        required: z.boolean().default(false),
        default: z.boolean().default(false),
      }),
    )
    .min(1),
  models: z
    .array(
      repoFiles.extend({
        id: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/, "must be lower case letters, digits, '.', '_' and '-'"),
        title: z.string().min(1).optional(),
        tier: z.int().positive(),
        purpose: z.string().default(""),
        capability: z.string().min(1).nullable().default(null),
        memoryGib: z.number().nonnegative().default(0),
        also: z.array(repoFiles).default([]),
      }),
    )
    .min(1),
});

type Key = string | number;

/**
 * Reads a catalog of models.
 * @param text YAML, schema 1
 * @param source the file's name, for errors
 * @throws Failure `catalog.invalid` (exit 2) that names file, line and key
 */
export function parseCatalog(text: string, source: string): Catalog {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntax = document.errors[0];
  if (syntax !== undefined) {
    const line = lines.linePos(syntax.pos[0]).line;
    throw invalid({ source, line, problem: syntax.message.split("\n")[0] ?? "not YAML", cause: syntax });
  }
  const lineOf = (path: readonly Key[]) => lines.linePos(offsetOf(document, path)).line;

  const parsed = catalogShape.safeParse(document.toJS());
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = (issue?.path ?? []).map((key) => (typeof key === "symbol" ? String(key) : key));
    const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
    const full = unknown === undefined ? path : [...path, unknown];
    const problem =
      unknown === undefined
        ? `${keyName(full)}: ${issue?.message ?? "is wrong"}`
        : `${keyName(full)}: there is no such key`;
    throw invalid({ source, line: lineOf(full), problem, cause: parsed.error });
  }

  const { stack, tiers, models } = parsed.data;
  const known = new Set<number>();
  for (const [index, tier] of tiers.entries()) {
    if (known.has(tier.id)) {
      throw invalid({ source, line: lineOf(["tiers", index, "id"]), problem: `tiers.${index}.id: tier ${tier.id} is there twice` });
    }
    known.add(tier.id);
  }
  const ids = new Set<string>();
  for (const [index, model] of models.entries()) {
    if (ids.has(model.id)) {
      throw invalid({ source, line: lineOf(["models", index, "id"]), problem: `models.${index}.id: "${model.id}" is there twice` });
    }
    ids.add(model.id);
    if (!known.has(model.tier)) {
      throw invalid({ source, line: lineOf(["models", index, "tier"]), problem: `models.${index}.tier: there is no tier ${model.tier}` });
    }
  }
  return {
    stack,
    tiers: tiers.toSorted((a, b) => a.id - b.id),
    models: models
      .map((model): CatalogModel => {
        const { id, title, tier, purpose, capability, memoryGib } = model;
        return {
          id,
          title: title ?? id,
          tier,
          purpose,
          capability,
          memoryGib,
          parts: [toRepoFiles(model), ...model.also.map(toRepoFiles)],
        };
      })
      .toSorted((a, b) => a.tier - b.tier),
  };
}

function toRepoFiles(part: z.infer<typeof repoFiles>): RepoFiles {
  return { repo: part.repo, revision: part.revision, files: part.files ?? null };
}

function keyName(path: readonly Key[]): string {
  return path.length === 0 ? "the file" : path.join(".");
}

/** Where the key stands in the text, or the closest of its parents that does. */
function offsetOf(document: Document.Parsed, path: readonly Key[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (pair === undefined) return offset;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = typeof key === "number" ? node.items[key] : undefined;
      if (isMap(node) || isScalar(node) || isSeq(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

interface Invalid {
  readonly source: string;
  readonly line: number;
  readonly problem: string;
  readonly cause?: unknown;
}

function invalid({ source, line, problem, cause }: Invalid): Failure {
  return new Failure({
    code: "catalog.invalid",
    message: `The catalog ${source}, line ${line}, is wrong: ${problem}.`,
    hint: "Correct that line. docs/catalog.md lists every key.",
    exitCode: exitCodes.usage,
    cause,
  });
}
