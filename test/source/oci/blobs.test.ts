import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FileRequest } from "../../../src/source/source.ts";
import { model, openScene as openDownload } from "../../download/scene.ts";
import { contentOf, makeImage, noise } from "./images.ts";
import type { Fault, Seen } from "./registry-server.ts";
import { asModel, bytesOf, modelCommit, openScene, type SceneOptions } from "./scene.ts";

const content = noise("layer", 100_000);
const image = makeImage([content]);
const layer = image.blobs[1]?.digest ?? "";
const { signal } = new AbortController();

/** A registry with `core:1`, and a request for its layer. */
async function open({ fault, ...options }: SceneOptions & { fault?: (seen: Seen) => Fault } = {}) {
  const scene = await openScene({
    ...(fault === undefined ? {} : { intercept: fault }),
    ...options,
  });
  scene.server.push("core", "1", image, [image]);
  const request = (changes: Partial<FileRequest> = {}): FileRequest => ({
    repo: `oci:${scene.server.host}/core`,
    commit: image.digest,
    path: layer,
    blobName: layer.slice("sha256:".length),
    range: null,
    address: null,
    idleTimeoutMs: 2000,
    signal,
    ...changes,
  });
  return Object.assign(scene, { request });
}

test.each([
  ["by itself", false],
  ["from a storage behind a signed address", true],
])("a registry that serves blobs %s gives any range of them", async (_, storage) => {
  await using scene = await open({ storage });
  for (const [start, end] of [
    [0, 1],
    [99_999, 100_000],
    [5, 777],
  ] as const) {
    const opened = await scene.registries.open(scene.request({ range: { start, end } }));
    expect((await bytesOf(opened)).equals(content.subarray(start, end))).toBe(true);
    expect(opened.response.status).toBe(206);
    expect(opened.address === null).toBe(!storage);
  }
  const whole = await scene.registries.open(scene.request());
  expect(whole.response.status).toBe(200);
  expect((await bytesOf(whole)).equals(content)).toBe(true);
});

test("a signed address serves further ranges without the registry, and gets no token", async () => {
  await using scene = await open({ auth: "bearer", storage: true });
  const first = await scene.registries.open(scene.request({ range: { start: 0, end: 10 } }));
  await bytesOf(first);
  expect(scene.server.of("registry").at(-1)?.authorization).toBe("Bearer token-1");
  const { address } = first;
  scene.server.seen.length = 0;
  const range = { start: 10, end: 30 };
  const next = await scene.registries.open(scene.request({ range, address }));
  expect((await bytesOf(next)).equals(content.subarray(10, 30))).toBe(true);
  expect(next.address).toBe(address);
  expect(scene.server.seen).toMatchObject([{ server: "storage", authorization: undefined }]);
});

test("a signed address that has ended is told as that", async () => {
  await using scene = await open({ storage: true });
  const first = await scene.registries.open(scene.request());
  await bytesOf(first);
  scene.server.endAddresses();
  const again = scene.registries.open(scene.request({ address: first.address }));
  await expect(again).rejects.toMatchObject({ kind: "expired" });
  const fresh = await scene.registries.open(scene.request());
  expect((await bytesOf(fresh)).equals(content)).toBe(true);
});

const answers = (status: number, code?: string, headers: Record<string, string> = {}): Fault => ({
  answer: {
    status,
    headers: { ...headers, "content-type": code === undefined ? "text/html" : "application/json" },
    body: code === undefined ? "<h1>" : JSON.stringify({ errors: [{ code }] }),
  },
});

test.each<[string, Fault, object]>([
  ["503", answers(503), { kind: "server", message: "status 503" }],
  ["429", answers(429, undefined, { "retry-after": "7" }), { kind: "rate-limited", waitMs: 7000 }],
  ["a web page", answers(200), { code: "registry.captive_portal" }],
  ["a gateway's 404", answers(404), { code: "registry.captive_portal" }],
  ["its own 404", answers(404, "BLOB_UNKNOWN"), { code: "image.incomplete", exitCode: 5 }],
  ["that there is no repository", answers(404, "NAME_UNKNOWN"), { code: "image.not_found" }],
  ["401", answers(401, "UNAUTHORIZED"), { code: "image.denied", exitCode: 2 }],
  ["403", answers(403, "DENIED"), { code: "image.denied", exitCode: 2 }],
  ["packed bytes", { headers: { "content-encoding": "gzip" } }, { kind: "bad-answer" }],
  [
    "another blob",
    { headers: { "docker-content-digest": contentOf("other").digest } },
    { kind: "bad-answer", message: expect.stringContaining(layer) as string },
  ],
  ["a reset", { reset: true }, { code: "ECONNRESET" }],
])("a registry that answers a layer with %s is told as what it is", async (_, fault, expected) => {
  await using scene = await open({ fault: () => fault });
  await expect(scene.registries.open(scene.request())).rejects.toMatchObject(expected);
});

test("a storage that refuses a fresh address may want fewer connections", async () => {
  await using scene = await open({
    storage: true,
    fault: ({ server }) => (server === "storage" ? answers(403) : {}),
  });
  await expect(scene.registries.open(scene.request())).rejects.toMatchObject({ kind: "refused" });
});

test.each([
  ["by TLS", "https://127.0.0.1:1/blob", "registry.unsafe_redirect"],
  ["without it", "http://127.0.0.1:1/blob", "registry.captive_portal"],
])("a registry out there can't send us to this machine %s", async (_, location, code) => {
  await using scene = await open({
    names: ({ host }) => ({ "ghcr.io": host }),
    fault: () => ({ answer: { status: 307, headers: { location } } }),
  });
  const away = scene.registries.open(scene.request({ repo: "oci:ghcr.io/core" }));
  await expect(away).rejects.toMatchObject({ code, exitCode: 5 });
});

test("whether a layer can be had is asked without its bytes", async () => {
  await using scene = await open({ auth: "bearer", storage: true });
  const { repo, commit } = scene.request();
  await scene.registries.requireAccess(repo, commit, layer, signal);
  expect(scene.server.of("registry").map(({ method }) => method)).toEqual(["HEAD", "HEAD"]);
  expect(scene.server.of("storage")).toEqual([]);
  const other = contentOf("other").digest;
  await expect(scene.registries.requireAccess(repo, commit, other, signal)).rejects.toMatchObject({
    code: "image.incomplete",
  });
});

test("a failure names the registry of its file, and ends no other's", async () => {
  await using scene = await open();
  const cut = Object.assign(new Error("read"), { code: "ECONNRESET" });
  const ofHub = scene.registries.failureOf(cut, "oci:docker.io/library/redis");
  expect(ofHub).toMatchObject({ message: "Can't reach Docker Hub: the connection was cut." });
  const tls = Object.assign(new Error("tls"), { code: "CERT_HAS_EXPIRED" });
  const failed = scene.registries.failureOf(tls, "oci:ghcr.io/a");
  expect(failed).toMatchObject({ code: "registry.tls", exitCode: 5 });
  expect(scene.registries.failureOf(cut, "org/model")).toBe(cut);
  const servers = ["oci:ghcr.io/a", "oci:ghcr.io/b/c", "oci:docker.io/library/redis"];
  expect(servers.map((repo) => scene.registries.serverOf?.(repo))).toEqual([
    "ghcr.io",
    "ghcr.io",
    "docker.io",
  ]);
});

/** A large image, whose layers the engine brings into a cache as a model's files. */
async function downloadImage(options: SceneOptions) {
  const layers = [noise("large", 2_000_000), noise("larger", 3_000_000), noise("small", 100)];
  const large = makeImage(layers);
  const scene = await openScene(options);
  scene.server.push("her-os/core", "1", large, [large]);
  const scenery = await openDownload({ repos: [] });
  const hub = asModel(scene.registries, `oci:${scene.server.host}/her-os/core`, "1");
  await scenery.pull([model("m", "org/image")], { hub, tuning: { firstConnections: 4 } });
  const snapshot = join(scenery.cacheDir, "models--org--image/snapshots", modelCommit);
  for (const { digest, bytes } of large.blobs) {
    expect((await readFile(join(snapshot, digest))).equals(bytes), digest).toBe(true);
  }
  const close = scene[Symbol.asyncDispose];
  return Object.assign(scene, {
    scenery,
    layers: large.blobs,
    async [Symbol.asyncDispose]() {
      await scenery[Symbol.asyncDispose]();
      await close();
    },
  });
}

test("the engine brings an image's layers over several connections, each verified", async () => {
  await using scene = await downloadImage({ auth: "bearer", storage: true });
  expect(
    scene.scenery
      .of("file.verified")
      .map(({ path }) => path)
      .toSorted(),
  ).toEqual(scene.layers.map(({ digest }) => digest).toSorted());
  const ranges = scene.server.of("storage").filter(({ range }) => range !== undefined);
  expect(ranges.length).toBeGreaterThan(4);
  // One question to the registry for each of them, beside what was asked to resolve it.
  const asked = scene.server.of("registry").filter(({ url }) => url.includes("/blobs/"));
  expect(asked.length).toBeLessThan(ranges.length);
  expect(scene.server.of("tokens")).toHaveLength(1);
});

test("tokens and signed addresses that end on the way do not stop the engine, nor do cut connections", async () => {
  let [count, pages] = [0, 0];
  await using scene = await downloadImage({
    auth: "bearer",
    storage: true,
    intercept({ server, range }, served) {
      if (range === undefined) return {};
      // A gateway's page in the registry's place, once.
      if (server === "registry") return (pages += 1) === 3 ? answers(404) : {};
      count += 1;
      if (count === 3) served.endAddresses();
      if (count === 4) served.endTokens();
      return count % 4 === 1 ? { cutAfterBytes: 20_000 } : {};
    },
  });
  expect(scene.server.of("tokens").length).toBeGreaterThan(1);
  expect(pages).toBeGreaterThanOrEqual(3);
});

test("the configuration that told what an image is made of is not asked for again", async () => {
  await using scene = await open();
  const resolved = await scene.resolve("core:1");
  const asked = scene.server.of("registry").length;
  const { digest, sizeBytes } = resolved.config;
  const whole = await bytesOf(await scene.registries.open(scene.part(resolved, digest)));
  const rest = { start: 3, end: sizeBytes };
  const opened = await scene.registries.open(scene.part(resolved, digest, rest));
  expect(opened.response.status).toBe(206);
  expect((await bytesOf(opened)).equals(whole.subarray(3))).toBe(true);
  expect(whole.length).toBe(sizeBytes);
  expect(scene.server.of("registry")).toHaveLength(asked);
});
