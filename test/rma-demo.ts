/** What each type of RMA-demo's workers pulls, as its own table has it. */
export const workerModels: readonly (readonly [type: string, models: readonly string[]])[] = [
  ["gpu-worker", ["nomic-embed-text", "llama3.2", "llava-7b", "mistral-7b-instruct"]],
  ["ocr", ["llava-7b"]],
  ["embedding", ["nomic-embed-text"]],
  ["vllm", ["mistral-7b-instruct"]],
  ["cpu-worker", ["nomic-embed-text", "llama3.2"]],
  [
    "all",
    [
      "nomic-embed-text",
      "llama3.2",
      "llava-7b",
      "mistral-7b-instruct",
      "all-minilm-l6-v2",
      "llava-next-34b",
    ],
  ],
];
