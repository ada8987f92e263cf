export interface Part {
  readonly repo: string;
  readonly files: readonly string[];
}

export interface Model {
  readonly name: string;
  readonly tier: number;
  readonly capability: string | null;
  readonly parts: readonly Part[];
}

/** What the stand-in for her-os-core was built for. */
export const registry: readonly Model[] = [
  {
    name: "embedding_0.6b",
    tier: 1,
    capability: "memory_search",
    parts: [
      {
        repo: "Qwen/Qwen3-Embedding-0.6B",
        files: ["model.safetensors", "tokenizer.json", "config.json", "1_Pooling/config.json"],
      },
    ],
  },
  {
    name: "gliner",
    tier: 1,
    capability: null,
    parts: [
      { repo: "urchade/gliner_medium-v2.1", files: ["gliner_config.json", "model.safetensors"] },
      {
        repo: "microsoft/deberta-v3-base",
        files: ["config.json", "spm.model", "tokenizer_config.json"],
      },
    ],
  },
  {
    name: "whisper",
    tier: 2,
    capability: "voice_stt",
    parts: [
      {
        repo: "openai/whisper-large-v3",
        files: ["model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"],
      },
    ],
  },
  {
    name: "embedding_8b",
    tier: 3,
    capability: "batch_embedding",
    parts: [
      {
        repo: "Qwen/Qwen3-Embedding-8B",
        files: [
          "model-00001-of-00004.safetensors",
          "model-00002-of-00004.safetensors",
          "model-00003-of-00004.safetensors",
          "model-00004-of-00004.safetensors",
          "model.safetensors.index.json",
        ],
      },
    ],
  },
];
