import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../../src/run/secret.ts";
import { openServer } from "../../../src/serve/server.ts";
import { registrySite } from "../../../src/serve/registry/registry-site.ts";
import {
  storedImages,
  type StoredImagesOptions,
} from "../../../src/serve/registry/stored-images.ts";
import { parseServedName } from "../../../src/serve/registry/served-images.ts";
import type { ImageContent } from "../../../src/store/store.ts";
import { openIntake } from "../../../src/store/images/take-blobs.ts";
import { temporaryFolder, testHost } from "../../deploy/compose/fixtures.ts";
import { contentOf, type Image, makeImage, makeIndex, noise } from "../../source/oci/images.ts";

const { signal } = new AbortController();
const layers = [noise("base", 200_000), noise("top", 70_000)];
const image = makeImage(layers, { format: "oci" });
const index = makeIndex([image]);

function contentIn(name: string, repo: string, { blobs, diffIds, ...rest }: Image): ImageContent {
  const [config, ...others] = blobs.map(({ digest, bytes }) => ({
    digest,
    sizeBytes: bytes.length,
  }));
  return {
    name,
    repo,
    digest: index.digest,
    manifestDigest: rest.digest,
    mediaType: rest.mediaType,
    index: index.bytes,
    manifest: rest.bytes,
    config: config ?? { digest: "", sizeBytes: 0 },
    layers: others.map((layer) => ({
      ...layer,
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    })),
    diffIds,
  };
}

/** A server with one image that is kept, or half of it. */
async function serve(
  change: Partial<StoredImagesOptions> & { token?: string; without?: string } = {},
) {
  const { token, without, ...options } = change;
  const cacheDir = await temporaryFolder();
  const host = testHost();
  const intake = await openIntake({ host, cacheDir, pid: process.pid });
  async function* once(bytes: Buffer) {
    yield bytes;
  }
  const put = (digest: string) =>
    intake.take(
      once(image.blobs.find((each) => each.digest === digest)?.bytes ?? Buffer.alloc(0)),
      signal,
    );
  for (const { digest } of image.blobs) if (digest !== without) await put(digest);
  await intake.keep(contentIn("ghcr.io/acme/core:1", "oci:ghcr.io/acme/core", image), signal);
  const images = storedImages({ host, cacheDir, isPublic: async () => true, ...options });
  const asksLogin = token !== undefined;
  const close = new AbortController();
  const server = await openServer({
    host,
    listen: { address: "127.0.0.1", port: 0 },
    tls: null,
    tokens: token === undefined ? [] : [new Secret(token)],
    sites: [registrySite({ images, parseName: parseServedName, asksLogin })],
    emit: () => {},
    signal: close.signal,
  });
  onTestFinished(async () => {
    close.abort();
    await server.close();
  });
  const ask = (at: string, init: RequestInit = {}) => fetch(`${server.url}${at}`, init);
  return { ask, put, cacheDir };
}

test("a kept image is served by its tag, its digests and its parts", async () => {
  const { ask } = await serve();
  expect((await ask("/v2/")).status).toBe(200);
  const tagged = await ask("/v2/ghcr.io/acme/core/manifests/1");
  expect(tagged.headers.get("Docker-Content-Digest")).toBe(index.digest);
  expect(tagged.headers.get("Content-Type")).toBe("application/vnd.oci.image.index.v1+json");
  expect(Buffer.from(await tagged.arrayBuffer()).equals(index.bytes)).toBe(true);
  const own = await ask(`/v2/ghcr.io/acme/core/manifests/${image.digest}`);
  expect(own.headers.get("Content-Type")).toBe(image.mediaType);
  expect(contentOf(Buffer.from(await own.arrayBuffer())).digest).toBe(image.digest);
  for (const { digest, bytes } of image.blobs) {
    const blob = await ask(`/v2/acme/core/blobs/${digest}?ns=ghcr.io`);
    expect(Buffer.from(await blob.arrayBuffer()).equals(bytes)).toBe(true);
    const part = await ask(`/v2/ghcr.io/acme/core/blobs/${digest}`, {
      headers: { Range: "bytes=10-19" },
    });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true);
  }
  const head = await ask("/v2/ghcr.io/acme/core/manifests/1", { method: "HEAD" });
  expect(head.headers.get("Content-Length")).toBe(String(index.bytes.length));
  expect(await (await ask("/v2/ghcr.io/acme/core/tags/list")).json()).toEqual({
    name: "ghcr.io/acme/core",
    tags: ["1"],
  });
});

test.each([
  ["/v2/ghcr.io/acme/core/manifests/2", "MANIFEST_UNKNOWN"],
  [`/v2/ghcr.io/acme/core/manifests/sha256:${"0".repeat(64)}`, "MANIFEST_UNKNOWN"],
  [`/v2/ghcr.io/acme/core/blobs/sha256:${"0".repeat(64)}`, "BLOB_UNKNOWN"],
  ["/v2/ghcr.io/acme/core/blobs/..%2f..%2fetc%2fpasswd", "NAME_INVALID"],
  ["/v2/ghcr.io/acme/core/blobs/passwd", "BLOB_UNKNOWN"],
  ["/v2/ghcr.io/ACME/core/manifests/1", "NAME_INVALID"],
  ["/v2/core/manifests/1", "MANIFEST_UNKNOWN"],
  ["/v2/_catalog", "NAME_INVALID"],
  ["/v2/ghcr.io/acme/other/tags/list", "NAME_UNKNOWN"],
])("%s is not there: %s", async (at, code) => {
  const { ask } = await serve();
  const answer = await ask(at);
  expect([400, 404]).toContain(answer.status);
  if (answer.status === 404) {
    expect(await answer.json()).toMatchObject({ errors: [{ code }] });
  }
});

test("nothing can be pushed", async () => {
  const { ask } = await serve();
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    expect((await ask("/v2/ghcr.io/acme/core/blobs/uploads/", { method })).status).toBe(405);
  }
});

test("an image that is not for everybody needs this server's token", async () => {
  const { ask } = await serve({ isPublic: async () => false, token: "hf_of_this_server" });
  const greeting = await ask("/v2/");
  expect(greeting.status).toBe(401);
  expect(greeting.headers.get("WWW-Authenticate")).toBe('Basic realm="heros"');
  const at = "/v2/ghcr.io/acme/core/manifests/1";
  expect((await ask(at)).status).toBe(401);
  const basic = (password: string) => ({
    headers: { Authorization: `Basic ${Buffer.from(`ann:${password}`).toString("base64")}` },
  });
  expect((await ask(at, basic("wrong"))).status).toBe(401);
  expect((await ask(at, basic("hf_of_this_server"))).status).toBe(200);
  expect((await ask("/v2/ghcr.io/acme/core/tags/list")).status).toBe(401);
});

test("a layer on its way is answered once it is verified", async () => {
  const [, , top] = image.blobs;
  const without = top?.digest ?? "";
  const arrived = Promise.withResolvers<void>();
  const { ask, put } = await serve({
    without,
    bring: async () => true,
    arrival: () => arrived.promise,
  });
  const asked = ask(`/v2/ghcr.io/acme/core/blobs/${without}`);
  await put(without);
  arrived.resolve();
  const answer = await asked;
  expect(Buffer.from(await answer.arrayBuffer()).equals(top?.bytes ?? Buffer.alloc(0))).toBe(true);
});

test("half an image that nobody brings is not served by its tag", async () => {
  const { ask } = await serve({ without: image.blobs[1]?.digest ?? "" });
  expect((await ask("/v2/ghcr.io/acme/core/manifests/1")).status).toBe(404);
});

test("without a store there are no images, and no error", async () => {
  const { ask, cacheDir } = await serve();
  await rm(cacheDir, { recursive: true });
  await mkdir(cacheDir);
  expect((await ask(`/v2/ghcr.io/acme/core/blobs/${image.blobs[0]?.digest}`)).status).toBe(404);
  expect(path.isAbsolute(cacheDir)).toBe(true);
});
