const model = "llava:7b";
const registry = "registry.ollama.ai";
const at = { model, registry };
const hex = "9f7c1d5e1a0b3f7d0c5b8e2a4d6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091";
const folder = "/usr/share/ollama/.ollama/models";

/** As those of `scripts/failure-examples.ts`, of Ollama's models. */
export const ollamaFailureExamples = {
  "ollama.bad_name": [{ name: "llava:7b:8b", problem: '"llava:7b" is not a valid model' }],
  "ollama.broken_link": [{ link: "/home/ann/.ollama/models", target: "/mnt/ollama" }],
  "ollama.damaged": [{ ...at, expected: `sha256:${hex}`, found: `sha256:${"ab".repeat(32)}` }],
  "ollama.denied": [
    { ...at, said: null },
    { model: "hf.co/ann/notes:latest", registry: "hf.co", said: "Access is restricted." },
  ],
  "ollama.incomplete": [{ ...at, digest: `sha256:${hex}` }],
  "ollama.not_found": [
    { ...at, lacks: "tag" },
    { ...at, lacks: "repository" },
  ],
  "ollama.not_writable": [
    { why: "closed", folder, existing: folder, home: "/home/ann", owner: "ollama" },
    {
      why: "closed",
      folder: "/data/ollama",
      existing: "/data",
      home: "/home/ann",
      owner: "root",
    },
  ],
  "ollama.unusable": [
    { model, problem: "it has a layer that is not Ollama's (application/vnd.oci.image.layer)" },
  ],
} as const;
