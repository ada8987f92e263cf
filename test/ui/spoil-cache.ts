import { globSync } from "node:fs";
import { open, realpath, truncate } from "node:fs/promises";

/** Gives one file of the demo's models a wrong byte, and cuts another one short. */
export async function spoilCache(cacheDir: string): Promise<void> {
  const weights = await contentOf(cacheDir, "whisper-large-v3", "model.safetensors");
  const file = await open(weights, "r+");
  await file.write(Buffer.from("?"), 0, 1, 5_000_000);
  await file.close();
  const words = await contentOf(cacheDir, "Qwen3-Embedding-0.6B", "tokenizer.json");
  await truncate(words, 1000);
}

/** The content that stands under this name in the cache. */
async function contentOf(cacheDir: string, repo: string, name: string): Promise<string> {
  const [found = ""] = globSync(`${cacheDir}/models--*--${repo}/snapshots/*/${name}`);
  return realpath(found);
}
