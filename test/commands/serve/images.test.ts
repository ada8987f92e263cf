import process from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { imagesSite } from "../../../src/commands/serve/images.ts";
import { Secret } from "../../../src/run/secret.ts";
import { openServer } from "../../../src/serve/server.ts";
import { createEndpointMemory } from "../../../src/source/mirrors.ts";
import { temporaryFolder, testHost } from "../../deploy/compose/fixtures.ts";
import { fakeDocker } from "../../docker/fake-docker.ts";
import { contentOf, makeImage, makeIndex, noise } from "../../source/oci/images.ts";
import { type RegistryOptions, startRegistry } from "../../source/oci/registry-server.ts";

const image = makeImage([noise("base", 3_000_000), noise("top", 70_000)]);
const index = makeIndex([image]);
const token = "hf_of_this_server";

/** A server in front of a registry with one image. */
async function openWorld(options: RegistryOptions = {}) {
  const registry = await startRegistry(options);
  registry.push("acme/core", "1", index, [image]);
  const servers: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    for (const close of servers) await close();
  });
  const cacheDir = await temporaryFolder();
  const docker = await fakeDocker("exit 1");
  const host = { ...testHost({ PATH: `${docker.bin}:/usr/bin:/bin` }), arch: "aarch64" };
  const serve = async (offline = false) => {
    const stop = new AbortController();
    const { signal } = stop;
    const work = {
      host,
      emit: () => {},
      signal,
      elapsedMs: () => 0,
      endpoints: createEndpointMemory(),
    };
    const site = imagesSite(work, { cacheDir, offline, asksLogin: true, signal });
    const server = await openServer({
      host,
      listen: { address: "127.0.0.1", port: 0 },
      tls: null,
      tokens: [new Secret(token)],
      sites: [site],
      emit: () => {},
      signal,
    });
    const close = async () => {
      stop.abort();
      await server.close();
    };
    servers.push(close);
    return { url: `${server.url}/v2/${registry.host}/acme/core`, close };
  };
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return { registry, serve, pid: process.pid };
}

/** As an engine pulls it: by its tag, its manifest for this platform, and each of its parts. */
async function pull(url: string, headers: Record<string, string> = {}) {
  const get = async (at: string) => {
    const answer = await fetch(`${url}/${at}`, { headers });
    return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
  };
  const tagged = await get("manifests/1");
  if (tagged.status !== 200) return { status: tagged.status, digests: [] };
  const manifest = await get(`manifests/${image.digest}`);
  const parts = await Promise.all(image.blobs.map(({ digest }) => get(`blobs/${digest}`)));
  const all = [tagged, manifest, ...parts].map(({ bytes }) => contentOf(bytes).digest);
  return { status: 200, digests: all };
}
function rangeBytes(range: string | undefined, sizeBytes: number): number {
  const [, start = "0", end] = /^bytes=(\d+)-(\d*)$/u.exec(range ?? "") ?? [];
  return (end === undefined || end === "" ? sizeBytes : Number(end) + 1) - Number(start);
}

const whole = {
  status: 200,
  digests: [index.digest, image.digest, ...image.blobs.map(({ digest }) => digest)],
};

test("what this machine lacks is fetched once for all who wait, kept, and served without a network", async () => {
  const { registry, serve } = await openWorld();
  const first = await serve();
  const pulled = await Promise.all([pull(first.url), pull(first.url), pull(first.url)]);
  expect(pulled).toEqual([whole, whole, whole]);
  for (const { digest, bytes } of image.blobs) {
    const asked = registry
      .of("registry")
      .filter(({ method, url }) => method === "GET" && url.includes(digest));
    const sent = asked.map(({ range }) => rangeBytes(range, bytes.length));
    expect(sent.reduce((sum, each) => sum + each, 0)).toBe(bytes.length);
  }
  await first.close();

  const asked = registry.of("registry").length;
  const offline = await serve(true);
  expect(await pull(offline.url)).toEqual(whole);
  expect(registry.of("registry")).toHaveLength(asked);
});

test("what its registry gives to nobody without a login is not there", async () => {
  const { serve } = await openWorld({ auth: "bearer", private: ["acme/core"] });
  const { url } = await serve();
  expect(await pull(url)).toMatchObject({ status: 404 });
});

test("without a network, what is not kept is not there", async () => {
  const { serve, registry } = await openWorld();
  const { url } = await serve(true);
  expect(await pull(url)).toMatchObject({ status: 404 });
  expect(registry.seen).toEqual([]);
});
