import type { Catalog, RepoFiles } from "../../catalog/catalog.ts";
import { matchesGlob } from "../../run/glob.ts";
import type { FileSpec, RepoSpec } from "./repository.ts";

export interface ScaleOptions {
  /** 0.01 for a hundredth of the real sizes. Default 1. */
  readonly scale?: number;
  /** Bytes by repository and path; those of her-os's models are known. */
  readonly sizes?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Files up to this size are never scaled. */
const smallBytes = 64 * 1024;
const commitPattern = /^[0-9a-f]{40}$/;

/** Repositories with the names that the catalog gives, and files of the real names with their sizes scaled down, those that the catalog leaves out included. */
export function reposForCatalog(catalog: Catalog, options: ScaleOptions = {}): RepoSpec[] {
  const parts = catalog.models.flatMap((model) => model.parts);
  return [...Map.groupBy(parts, (part) => `${part.repo}@${part.revision}`).values()].flatMap(
    (group) => {
      const [first] = group;
      if (first === undefined) return [];
      const spec = { id: first.repo, files: filesOf(first.repo, group, options) };
      return commitPattern.test(first.revision)
        ? { ...spec, commit: first.revision }
        : { ...spec, branch: first.revision };
    },
  );
}

function filesOf(repo: string, parts: readonly RepoFiles[], options: ScaleOptions): FileSpec[] {
  const known = options.sizes?.[repo] ?? knownSizes[repo] ?? {};
  const sizes = new Map(Object.entries(known));
  const globs = parts.flatMap((part) => part.files ?? []);
  const missing = globs.filter(
    (glob) => ![...sizes.keys()].some((path) => matchesGlob(path, glob)),
  );
  for (const glob of missing) sizes.set(glob.replaceAll(/\*+/g, "00001"), guessSize(glob));
  if (sizes.size === 0)
    for (const [path, size] of Object.entries(smallFiles)) sizes.set(path, size);
  return [...sizes].map(([path, size]) => {
    const sizeBytes =
      size <= smallBytes ? size : Math.max(1024, Math.round(size * (options.scale ?? 1)));
    return path.endsWith(".json") && sizeBytes <= smallBytes
      ? { path, content: jsonOfSize(`${repo}/${path}`, sizeBytes) }
      : { path, sizeBytes };
  });
}

function guessSize(glob: string): number {
  return /\.(safetensors|bin|pt|pth)$/.test(glob) ? 500_000_000 : (smallFiles[glob] ?? 2_000);
}

/** Real JSON, since something may read it. */
function jsonOfSize(name: string, sizeBytes: number): string {
  const bare = JSON.stringify({ name, padding: "" });
  return JSON.stringify({ name, padding: "-".repeat(Math.max(0, sizeBytes - bare.length)) });
}

/** Of a repository that nobody knows. */
export const smallFiles: Readonly<Record<string, number>> = {
  "model.safetensors": 500_000_000,
  "config.json": 727,
  "tokenizer.json": 11_423_705,
  "tokenizer_config.json": 9_706,
};

const qwenSmallFiles = {
  ".gitattributes": 1_570,
  "1_Pooling/config.json": 313,
  "README.md": 16_000,
  "config.json": 727,
  "config_sentence_transformers.json": 215,
  "generation_config.json": 117,
  "merges.txt": 1_671_853,
  "modules.json": 349,
  "tokenizer.json": 11_423_705,
  "tokenizer_config.json": 9_706,
  "vocab.json": 2_776_833,
};

const voices: Record<string, number> = Object.fromEntries(
  Array.from({ length: 54 }, (_, index) => [`voices/voice_${index + 1}.pt`, 523_425] as const),
);

/** Bytes of the files in the repositories that her-os needs, as the Hub lists them or nearly so; those that nothing reads at run time among them. */
export const knownSizes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "Qwen/Qwen3-Embedding-0.6B": { ...qwenSmallFiles, "model.safetensors": 1_191_586_416 },
  "Qwen/Qwen3-Embedding-8B": {
    ...qwenSmallFiles,
    "model-00001-of-00004.safetensors": 4_900_037_024,
    "model-00002-of-00004.safetensors": 4_915_959_512,
    "model-00003-of-00004.safetensors": 4_983_067_656,
    "model-00004-of-00004.safetensors": 335_570_376,
    "model.safetensors.index.json": 30_432,
  },
  "openai/whisper-large-v3": {
    ".gitattributes": 1_519,
    "README.md": 21_000,
    "added_tokens.json": 34_648,
    "config.json": 1_272,
    "flax_model.msgpack": 6_174_000_000,
    "generation_config.json": 3_903,
    "merges.txt": 493_869,
    "model.fp32-00001-of-00002.safetensors": 4_993_448_880,
    "model.fp32-00002-of-00002.safetensors": 1_180_663_192,
    "model.safetensors": 3_087_130_976,
    "model.safetensors.index.fp32.json": 118_000,
    "normalizer.json": 52_666,
    "preprocessor_config.json": 340,
    "pytorch_model.bin": 3_087_000_000,
    "pytorch_model.fp32-00001-of-00002.bin": 4_993_000_000,
    "pytorch_model.fp32-00002-of-00002.bin": 1_180_000_000,
    "special_tokens_map.json": 2_072,
    "tokenizer.json": 2_480_617,
    "tokenizer_config.json": 282_843,
    "vocab.json": 1_036_558,
  },
  "urchade/gliner_medium-v2.1": {
    ".gitattributes": 1_519,
    "README.md": 6_000,
    "gliner_config.json": 477,
    "model.safetensors": 781_000_000,
    "pytorch_model.bin": 781_000_000,
  },
  "microsoft/deberta-v3-base": {
    ".gitattributes": 491,
    "README.md": 3_500,
    "config.json": 579,
    "pytorch_model.bin": 371_146_213,
    "spm.model": 2_464_616,
    "tf_model.h5": 736_000_000,
    "tokenizer_config.json": 52,
  },
  "hexgrad/Kokoro-82M": {
    "README.md": 12_000,
    "config.json": 2_351,
    "kokoro-v1_0.pth": 327_212_226,
    "samples/HEARME.wav": 2_200_000,
    ...voices,
  },
};
