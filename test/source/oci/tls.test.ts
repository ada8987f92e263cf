import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { realHost } from "../../../src/host/real-host.ts";
import { parseImageReference } from "../../../src/source/oci/reference.ts";
import { openRegistries } from "../../../src/source/oci/registry.ts";
import { makeCertificate, type Seen, startFront, startProxy } from "../hub/guarded-net.ts";
import { makeImage, noise } from "./images.ts";
import { startRegistry } from "./registry-server.ts";
import { bytesOf, failed, openScene, password, spark } from "./scene.ts";

const image = makeImage([noise("one", 3000)]);
const layer = image.blobs[1]?.digest ?? "";
const { signal } = new AbortController();

interface World {
  /** Rules of the proxy that alone knows where the names lead. */
  readonly proxy?: Parameters<typeof startProxy>[1];
  /** The token service's certificate is one that nobody trusts. */
  readonly strangeTokens?: boolean;
  readonly trusted?: boolean;
}

/** A registry at https://registry.test with a token service at https://auth.test and a storage at https://cdn.test, behind a proxy. */
async function openWorld({ proxy: rules = {}, strangeTokens = false, trusted = true }: World = {}) {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-tls-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const served = await startRegistry({
    auth: "bearer",
    users: { annie: "s3cret" },
    private: ["core"],
    storage: true,
    challenge: ({ scope }) => `Bearer realm="https://auth.test/token",scope="${scope}"`,
  });
  served.push("core", "1", image, [image]);
  const certificate = await makeCertificate(folder, ["registry.test", "auth.test", "cdn.test"]);
  const strange = strangeTokens ? await makeCertificate(folder, ["auth.test"]) : certificate;
  const saw: Record<"registry" | "tokens" | "storage", Seen[]> = {
    registry: [],
    tokens: [],
    storage: [],
  };
  const front = (name: keyof typeof saw, behind: string, own = certificate) =>
    startFront({
      certificate: own,
      behind,
      saw: saw[name],
      relocate: (location) => location.replace(served.storageOrigin, "https://cdn.test"),
    });
  const registry = await front("registry", `http://${served.host}`);
  const tokens = await front("tokens", served.tokensOrigin, strange);
  const storage = await front("storage", served.storageOrigin);
  const names = new Map([
    ["registry.test:443", registry.port],
    ["auth.test:443", tokens.port],
    ["cdn.test:443", storage.port],
  ]);
  const proxy = await startProxy(names, rules);
  const env = {
    https_proxy: `http://${proxy.address}`,
    ...(trusted ? { SSL_CERT_FILE: certificate } : {}),
  };
  const facts = { home: folder, cwd: folder, pid: 1, platform: "linux", nodeArch: "arm64" };
  const host = realHost({ ...facts, env });
  const registries = openRegistries({
    host,
    credentials: async () => password("annie", "s3cret"),
    forMs: 0,
  });
  onTestFinished(async () => {
    host.network.close();
    await Promise.all([proxy[Symbol.asyncDispose](), served[Symbol.asyncDispose]()]);
    await Promise.all([registry.close(), tokens.close(), storage.close()]);
  });
  const resolve = () =>
    registries.resolve(parseImageReference("registry.test/core:1"), spark, signal);
  return { resolve, registries, saw, proxy, host };
}

// Before the certificate is trusted, for from then on it is, in all of this process.
test("a certificate that nobody trusts ends as that", async () => {
  const { resolve } = await openWorld({ trusted: false });
  await expect(resolve()).rejects.toEqual(
    failed("registry.tls", 5, "The certificate of registry.test can't be trusted"),
  );
});

test("by TLS and through a proxy, a layer comes with the login where it belongs, and nowhere else", async () => {
  const { resolve, registries, saw, proxy } = await openWorld();
  const found = await resolve();
  const opened = await registries.open({
    repo: "oci:registry.test/core",
    commit: found.manifestDigest,
    path: layer,
    blobName: layer.slice("sha256:".length),
    range: { start: 0, end: 3000 },
    address: null,
    idleTimeoutMs: 10_000,
    signal,
  });
  expect((await bytesOf(opened)).equals(noise("one", 3000))).toBe(true);
  const kinds = (all: readonly Seen[]) =>
    new Set(all.map(({ authorization }) => authorization?.split(" ")[0]));
  expect(kinds(saw.tokens)).toEqual(new Set(["Basic"]));
  expect(kinds(saw.registry)).toEqual(new Set([undefined, "Bearer"]));
  expect(kinds(saw.storage)).toEqual(new Set([undefined]));
  expect(kinds(proxy.saw)).toEqual(new Set([undefined]));
});

test("a token service's certificate that nobody trusts is told under its own name", async () => {
  const { resolve, saw } = await openWorld({ strangeTokens: true });
  await expect(resolve()).rejects.toEqual(
    failed("registry.tls", 5, "The certificate of auth.test can't be trusted"),
  );
  expect(saw.tokens).toEqual([]);
});

test.each([
  ["refuses", { refuse: 403 }, "registry.proxy", "refuses connections to registry.test (403)"],
  ["wants a password", { password: "x" }, "registry.proxy", "to registry.test (407)"],
  ["can't reach the registry", { refuse: 502 }, "registry.unreachable", "the proxy can't reach"],
])("a proxy that %s is told as that", async (_, proxy, code, message) => {
  const { resolve } = await openWorld({ proxy });
  await expect(resolve()).rejects.toEqual(failed(code, 5, message));
});

test("a mirror with a certificate that nobody trusts is passed over, and it is said why", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-tls-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const certificate = await makeCertificate(folder, ["localhost"]);
  const mirror = await startFront({ certificate, behind: "http://127.0.0.1:1", saw: [] });
  onTestFinished(() => mirror.close());
  await using scene = await openScene({
    names: ({ host }) => ({ "registry-1.docker.io": host }),
    registries: { mirrors: [`https://localhost:${mirror.port}`] },
  });
  scene.server.push("library/redis", "7", image, [image]);
  expect((await scene.resolve("docker.io/redis:7")).digest).toBe(image.digest);
  const from = `localhost:${mirror.port}`;
  expect(scene.switches).toMatchObject([
    { from, to: "Docker Hub", error: { code: "registry.tls" } },
  ]);
});
