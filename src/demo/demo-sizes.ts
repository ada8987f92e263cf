const tokenizer = {
  "config.json": 727,
  "merges.txt": 167_185,
  "tokenizer.json": 1_142_370,
  "tokenizer_config.json": 9_706,
  "vocab.json": 277_683,
};
const sentence = {
  ...tokenizer,
  "1_Pooling/config.json": 313,
  "config_sentence_transformers.json": 215,
  "modules.json": 349,
};
const voices: Record<string, number> = Object.fromEntries(
  ["af_bella", "af_heart", "am_adam", "bf_emma", "bm_george", "jf_alpha"].map((voice) => [
    `voices/${voice}.pt`,
    523_425,
  ]),
);

/** Bytes of the demo's files: about 400 MB in all that the catalog asks for, and some that it must leave out. */
export const demoSizes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "demo/Qwen3-Embedding-0.6B": {
    ...sentence,
    "README.md": 16_000,
    "model.safetensors": 58_000_000,
  },
  "demo/gliner_medium-v2.1": {
    "gliner_config.json": 477,
    "model.safetensors": 39_000_000,
    "pytorch_model.bin": 39_000_000,
  },
  "demo/deberta-v3-base": {
    "config.json": 579,
    "pytorch_model.bin": 18_000_000,
    "spm.model": 2_464_616,
    "tokenizer_config.json": 52,
  },
  "demo/whisper-large-v3": {
    ...tokenizer,
    "added_tokens.json": 34_648,
    "generation_config.json": 3_903,
    "model.fp32-00001-of-00001.safetensors": 20_000_000,
    "model.safetensors": 96_000_000,
    "normalizer.json": 52_666,
    "preprocessor_config.json": 340,
    "special_tokens_map.json": 2_072,
  },
  "demo/Kokoro-82M": {
    "config.json": 2_351,
    "kokoro-v1_0.pth": 27_000_000,
    "samples/HEARME.wav": 2_000_000,
    ...voices,
  },
  "demo/Qwen3-Embedding-8B": {
    ...sentence,
    "model-00001-of-00004.safetensors": 42_000_000,
    "model-00002-of-00004.safetensors": 42_000_000,
    "model-00003-of-00004.safetensors": 43_000_000,
    "model-00004-of-00004.safetensors": 8_000_000,
    "model.safetensors.index.json": 30_432,
  },
  "demo/Qwen3-Reranker-0.6B": { ...tokenizer, "model.safetensors": 33_000_000 },
};
