import { expect, test } from "vitest";
import type { Listing } from "../../../src/run/repos/file-listing.ts";
import { openOllama, type OllamaOptions } from "../../../src/source/ollama/ollama.ts";
import type { Source } from "../../../src/source/source.ts";
import { quickHost } from "../../download/scene.ts";
import { makeImage, noise } from "../oci/images.ts";
import {
  type RegistryOptions,
  type RegistryServer,
  startRegistry,
} from "../oci/registry-server.ts";
import { bytesOf, failed } from "../oci/scene.ts";
import { ollamaModel } from "./models.ts";

const { signal } = new AbortController();
const llava = ollamaModel("llava");

interface Scene extends AsyncDisposable {
  readonly server: RegistryServer;
  readonly source: Source;
  readonly repo: string;
  list(tag?: string): Promise<Listing>;
}

async function openScene(
  options: RegistryOptions = {},
  changes: Partial<OllamaOptions> = {},
): Promise<Scene> {
  const server = await startRegistry(options);
  server.push("library/llava", "7b", llava);
  const host = quickHost();
  const source = openOllama({ host, forMs: 5000, ...changes });
  const repo = `ollama:${server.host}/library/llava`;
  return {
    server,
    source,
    repo,
    list: (tag = "7b") => source.list(repo, tag, signal),
    async [Symbol.asyncDispose]() {
      host.network.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

test("a model's files are its configuration, its layers and its manifest, which is served from memory", async () => {
  await using scene = await openScene({ storage: true });
  const { commit, files } = await scene.list();
  expect(commit).toBe(llava.digest);
  expect(files.map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual([
    ...llava.blobs.map(({ digest, bytes }) => [digest, bytes.length]),
    [`manifests/${scene.server.host}/library/llava/7b`, llava.bytes.length],
  ]);
  const [manifest] = files.slice(-1);
  if (manifest === undefined) throw new Error("no manifest");
  const asked = scene.server.seen.length;
  const of = { repo: scene.repo, commit, ...manifest, address: null, idleTimeoutMs: 1000, signal };
  const whole = await scene.source.open({ ...of, range: null });
  expect((await bytesOf(whole)).equals(llava.bytes)).toBe(true);
  const part = await scene.source.open({ ...of, range: { start: 10, end: 20 } });
  expect(part.response).toMatchObject({ status: 206 });
  expect((await bytesOf(part)).equals(llava.bytes.subarray(10, 20))).toBe(true);
  await scene.source.requireAccess(scene.repo, commit, manifest.path, signal);
  expect(scene.server.seen).toHaveLength(asked);
});

test("a token of the registry goes to nobody else, and layers are had where it sends us", async () => {
  await using scene = await openScene({ storage: true, auth: "bearer" });
  const { commit, files } = await scene.list();
  const [, weights] = files;
  if (weights === undefined) throw new Error("no weights");
  const request = { repo: scene.repo, commit, ...weights, address: null, idleTimeoutMs: 1000 };
  const opened = await scene.source.open({ ...request, range: { start: 0, end: 100 }, signal });
  expect((await bytesOf(opened)).equals(noise("llava", 2_000_000).subarray(0, 100))).toBe(true);
  expect(scene.server.of("registry").some(({ authorization }) => authorization !== undefined)).toBe(
    true,
  );
  expect(scene.server.of("storage").map(({ authorization }) => authorization)).toEqual([undefined]);
});

test("only the kind of manifest that Ollama's registry has is asked for, and one that fails is asked again", async () => {
  let answers = 0;
  const waits: string[] = [];
  await using scene = await openScene(
    {
      intercept: () => {
        answers += 1;
        return answers <= 2 ? { answer: { status: 503 } } : undefined;
      },
    },
    { onRetry: ({ registry, error }) => waits.push(`${registry}: ${error.message}`) },
  );
  expect((await scene.list()).files).toHaveLength(6);
  expect(waits).toEqual([`${scene.server.host}: status 503`]);
});

test("a 429 is waited for", async () => {
  let answers = 0;
  await using scene = await openScene({
    intercept: () => {
      answers += 1;
      return answers === 1
        ? { answer: { status: 429, headers: { "retry-after": "1" } } }
        : undefined;
    },
  });
  expect((await scene.list()).commit).toBe(llava.digest);
});

test("a manifest that arrives damaged is asked for again, and what stays damaged ends with 6", async () => {
  let flips = 1;
  await using scene = await openScene({
    intercept: () => (flips-- > 0 ? { flip: true } : undefined),
  });
  expect((await scene.list()).commit).toBe(llava.digest);
  flips = 1000;
  await expect(scene.list()).rejects.toEqual(failed("ollama.damaged", 6, "manifest of 127.0.0.1"));
});

const answered = (status: number, body: string, type = "application/json") => ({
  intercept: () => ({ answer: { status, body, headers: { "content-type": type } } }),
});

test.each([
  ["a 404 that is cut", answered(404, '{"errors": [', "application/json"), "ollama.not_found", 2],
  ["a 403 that is cut", answered(403, '{"errors": [', "application/json"), "ollama.denied", 2],
  ["a web page", answered(200, "<html>Log in</html>", "text/html"), "registry.captive_portal", 5],
  ["no JSON", answered(200, "hello"), "ollama.unusable", 2],
  [
    "a media type that is no text",
    answered(200, '{"config":{},"layers":[{"mediaType":{"toString":null}}]}'),
    "ollama.unusable",
    2,
  ],
  ["more than 4 MiB", answered(200, " ".repeat(5_000_000)), "ollama.unusable", 2],
  ["a status without a word", answered(418, "", "text/plain"), "registry.captive_portal", 5],
  [
    "the Hub's own refusal",
    answered(400, '{"error":"Repository is not GGUF"}'),
    "ollama.unusable",
    2,
  ],
  [
    "a private model",
    answered(401, '{"error":"Invalid username or password."}'),
    "ollama.denied",
    2,
  ],
])(
  "%s in the place of a manifest is told as what it is, of a model",
  async (_what, options, code, exit) => {
    await using scene = await openScene(options);
    const error: unknown = await scene.list().catch((thrown: unknown) => thrown);
    expect(error).toEqual(failed(code, exit));
    expect(JSON.stringify(error) + (error as { hint: string }).hint).not.toMatch(
      /compose file|docker/i,
    );
  },
);

const digest = `sha256:${"0".repeat(64)}`;
const layer = (changes: object) => ({
  mediaType: "application/vnd.ollama.image.model",
  digest,
  size: 10,
  ...changes,
});

test.each([
  ["a container image", makeImage([noise("a", 10)]), /not Ollama's/],
  ["no layers", ollamaModel("a", { change: (all) => ({ ...all, layers: [] }) }), /no layers/],
  ["an index", ollamaModel("a", { change: () => ({ manifests: [] }) }), /no layers/],
  ["a list", ollamaModel("a", { change: () => [] }), /not a JSON object/],
  [
    "ten thousand layers",
    ollamaModel("a", { change: (all) => ({ ...all, layers: Array(10_000).fill(layer({})) }) }),
    /10000 layers/,
  ],
  [
    "a digest that leads elsewhere",
    ollamaModel("a", { change: (all) => ({ ...all, layers: [layer({ digest: "../../x" })] }) }),
    /without a sha256 digest/,
  ],
  [
    "a negative size",
    ollamaModel("a", { change: (all) => ({ ...all, layers: [layer({ size: -1 })] }) }),
    /can't have the size/,
  ],
  [
    "a size beyond all bounds",
    ollamaModel("a", { change: (all) => ({ ...all, layers: [layer({ size: 1e15 })] }) }),
    /can't have the size/,
  ],
  [
    "two sizes of one layer",
    ollamaModel("a", { change: (all) => ({ ...all, layers: [layer({}), layer({ size: 11 })] }) }),
    /two sizes/,
  ],
])("a manifest with %s is refused", async (_what, manifest, message) => {
  await using scene = await openScene();
  scene.server.push("library/llava", "7b", manifest);
  await expect(scene.list()).rejects.toEqual(failed("ollama.unusable", 2, message));
});

test("a layer of any kind that is Ollama's is taken, even an empty one", async () => {
  await using scene = await openScene();
  const change = (all: Record<string, unknown>) => ({
    ...all,
    layers: [layer({ mediaType: "application/vnd.ollama.image.some-day", size: 0 })],
  });
  scene.server.push("library/llava", "7b", ollamaModel("a", { change }));
  expect((await scene.list()).files.map(({ sizeBytes }) => sizeBytes)).toContain(0);
});

test("a blob that the registry lost is told as a part of the model", async () => {
  await using scene = await openScene();
  const { commit, files } = await scene.list();
  scene.server.push("library/empty", "1", ollamaModel("empty"));
  const [, weights] = files;
  const missing = `sha256:${"1".repeat(64)}`;
  const { repo, source } = scene;
  await expect(source.requireAccess(repo, commit, missing, signal)).rejects.toEqual(
    failed("ollama.incomplete", 5, "has lost a part of"),
  );
  await source.requireAccess(repo, commit, weights?.path ?? "", signal);
});

test("without a network it says so of the model, as a person named it", async () => {
  await using scene = await openScene({}, { offline: true });
  await expect(scene.list()).rejects.toEqual(failed("hub.offline", 5, "library/llava:7b"));
  expect(scene.server.seen).toEqual([]);
});
