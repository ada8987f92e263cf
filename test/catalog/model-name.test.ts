import { expect, test } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { modelsByName } from "../../src/catalog/model-name.ts";

const catalog = parseCatalog(
  `schema: 1
stack: test
tiers: [{id: 1, name: Critical, required: true}, {id: 2, name: More}]
models:
  - {id: search, repo: owner/search, tier: 1, files: [config.json]}
  - {id: ears, repo: owner/ears, tier: 2}
`,
  "mine.yaml",
);
const idsOf = (...names: string[]): string[] => modelsByName(catalog, names).map(({ id }) => id);

test("a catalog's models are named by their ids and their repositories, in the catalog's order", () => {
  expect(idsOf("owner/ears", "search", "ears")).toEqual(["search", "ears"]);
  expect(modelsByName(catalog, ["owner/search"])[0]?.parts[0].files).toEqual(["config.json"]);
});

test.each([
  ["openai/whisper-tiny", "openai/whisper-tiny", "main"],
  ["openai/whisper-tiny@refs/pr/3", "openai/whisper-tiny", "refs/pr/3"],
  ["owner/search@v1", "owner/search", "v1"],
])("%s is a whole repository of the Hub", (name, repo, revision) => {
  expect(modelsByName(catalog, [name])).toEqual([
    expect.objectContaining({ id: name, priority: 0, parts: [{ repo, revision, files: null }] }),
  ]);
});

test.each([
  ["ollama:llava:7b", "ollama:llava:7b", "registry.ollama.ai/library/llava", "7b"],
  [
    "ollama:nomic-embed-text",
    "ollama:nomic-embed-text:latest",
    "registry.ollama.ai/library/nomic-embed-text",
    "latest",
  ],
  [
    "ollama:registry.ollama.ai/library/llava:7b",
    "ollama:llava:7b",
    "registry.ollama.ai/library/llava",
    "7b",
  ],
  ["ollama:ann/notes:Q4_K_M", "ollama:ann/notes:Q4_K_M", "registry.ollama.ai/ann/notes", "Q4_K_M"],
  [
    "ollama:HF.co/bartowski/Llama-3.2-1B-GGUF:Q4_0",
    "ollama:hf.co/bartowski/Llama-3.2-1B-GGUF:Q4_0",
    "hf.co/bartowski/Llama-3.2-1B-GGUF",
    "Q4_0",
  ],
  [
    "ollama:127.0.0.1:5000/library/x",
    "ollama:127.0.0.1:5000/library/x:latest",
    "127.0.0.1:5000/library/x",
    "latest",
  ],
])("%s is a model of Ollama's", (name, id, repo, revision) => {
  expect(modelsByName(catalog, [name])).toEqual([
    expect.objectContaining({
      id,
      priority: 0,
      parts: [{ repo: `ollama:${repo}`, revision, files: null }],
    }),
  ]);
});

test("one that is named twice is one, and what is in no catalog is after what is", () => {
  expect(idsOf("ollama:llava", "o/m", "ears", "ollama:llava:latest", "o/m")).toEqual([
    "ears",
    "ollama:llava:latest",
    "o/m",
  ]);
});

test.each(["nose", "", "a/b/c", "s3://bucket/x", "https://h.example/a/b", "a/b@", "/b"])(
  "%j names no model, and what could be named is said",
  (name) => {
    expect(() => modelsByName(catalog, [name])).toThrow(
      expect.objectContaining({
        code: "models.unknown",
        exitCode: 2,
        hint: expect.stringMatching(/search, ears.*OWNER\/REPO.*ollama:/) as string,
      }),
    );
  },
);

test.each([
  "",
  ":7b",
  "llava:",
  "llava:7b:8b",
  "../llava",
  "library/../llava",
  "a..b",
  "llava:..",
  "llava:a..b",
  "hf.co/llava",
  "user.name/llava",
  "host/ns/model/more",
  "http://127.0.0.1:5000/library/x",
  "ho st/library/x",
  "host:99999/library/x",
  "-host/library/x",
  "llava@sha256:00",
  "ll\u001b[31mava",
  "lläva",
  "x".repeat(81),
  `x:${"1".repeat(81)}`,
  `${"h".repeat(300)}/a/b`,
])("ollama:%s is refused before anybody is asked", (name) => {
  expect(() => modelsByName(catalog, [`ollama:${name}`])).toThrow(
    expect.objectContaining({ code: "ollama.bad_name", exitCode: 2 }),
  );
});
