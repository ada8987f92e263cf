const cacheDir = "/home/ann/.cache/huggingface/hub";

/** Examples of `heros cache share`'s failures. */
export const shareFailureExamples = {
  "cache.share_bad_path": [{ folder: "/data/my\nmodels" }],
  "cache.share_denied": [
    {
      service: "vllm",
      uid: 2000,
      needs: "read",
      paths: [`${cacheDir}/models--openai--whisper-large-v3`],
      others: 0,
      owner: "1000:1000",
    },
    {
      service: "vllm",
      uid: 2000,
      needs: "write",
      paths: [cacheDir],
      others: 0,
      owner: "1000:1000",
    },
  ],
  "cache.share_foreign": [{ file: "/home/ann/llm/docker-compose.cache.yml" }],
  "cache.share_missing": [
    { folder: cacheDir, isFolder: true },
    { folder: "/data/models", isFolder: false },
  ],
  "cache.share_no_folder": [
    { storage: "volume:her-os_model-cache", volume: "her-os_model-cache" },
    { storage: "nfs:nas:/models", volume: null },
  ],
  "cache.share_no_stack": [{ folder: "/home/ann/llm" }],
  "cache.share_taken": [
    { service: "vllm", source: "the volume models", target: "/root/.cache/huggingface" },
  ],
} as const;
