import { expect, test } from "vitest";
import { makeImage, noise } from "./images.ts";
import { type RegistryServer, startRegistry } from "./registry-server.ts";
import { bytesOf, openScene, password, type SceneOptions } from "./scene.ts";

const image = makeImage([noise("one", 3000)]);
const layer = image.blobs[1]?.digest ?? "";
const annie = password("annie", "s3cret");

/** Docker Hub as it is reached by its names, with `redis:7` and a private `annie/core:1`. */
async function openHub(options: SceneOptions = {}) {
  const scene = await openScene({
    auth: "bearer",
    users: { annie: "s3cret" },
    private: ["annie/core"],
    challenge: ({ scope }) =>
      `Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="${scope}"`,
    names: ({ host, tokensOrigin }) => ({
      "registry-1.docker.io": host,
      "auth.docker.io": tokensOrigin.replace("http://", ""),
    }),
    ...options,
  });
  for (const name of ["library/redis", "annie/core"]) scene.server.push(name, "7", image, [image]);
  return scene;
}

async function openMirror(holds: readonly string[] = ["library/redis"]): Promise<RegistryServer> {
  const mirror = await startRegistry();
  for (const name of holds) mirror.push(name, "7", image, [image]);
  return mirror;
}

const redis = "docker.io/redis:7";

test("an image without a registry's name is Docker Hub's, asked for at its own addresses", async () => {
  await using scene = await openHub();
  const found = await scene.resolve(redis);
  expect(found).toMatchObject({ digest: image.digest, reference: { registry: "docker.io" } });
  expect(scene.server.of("registry")[0]?.url).toBe("/v2/library/redis/manifests/7");
  expect(scene.server.of("tokens")).toHaveLength(1);
  expect(scene.logins).toEqual(["docker.io"]);
});

test("Docker Hub's limit is told with what it allows, how to raise it, and without waiting", async () => {
  const told: unknown[] = [];
  const headers = { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600" };
  const fault = { answer: { status: 429, headers } };
  const registries = { onRetry: (attempt: unknown) => told.push(attempt) };
  const intercept: SceneOptions["intercept"] = ({ server }) => (server === "registry" ? fault : {});
  await using scene = await openHub({ auth: "none", intercept, registries });
  await expect(scene.resolve(redis)).rejects.toMatchObject({
    code: "registry.rate_limited",
    exitCode: 5,
    message: "Docker Hub allows this address 100 pulls every 6 h 00 min, and they are used up.",
    hint: "Run heros again later: it continues where it stopped. To raise the limit, log in: docker login",
  });
  expect(told).toEqual([]);
});

test("with a login, the limit is the account's", async () => {
  const headers = { "ratelimit-limit": "200;w=21600", "ratelimit-remaining": "0;w=21600" };
  await using scene = await openHub({
    login: annie,
    intercept: ({ server, authorization }) =>
      server === "registry" && authorization !== undefined
        ? { answer: { status: 429, headers } }
        : {},
  });
  await expect(scene.resolve(redis)).rejects.toMatchObject({
    message: expect.stringContaining("allows your account 200 pulls") as string,
    hint: "Run heros again later: it continues where it stopped.",
  });
});

test.each([
  [
    "something of it is left",
    { "ratelimit-limit": "9;w=21600", "ratelimit-remaining": "3;w=21600" },
  ],
  ["its window is short", { "ratelimit-limit": "9;w=60", "ratelimit-remaining": "0;w=60" }],
  ["the server says when", { "ratelimit-remaining": "0;w=21600", "retry-after": "1" }],
])("a limit is waited out where %s", async (_, headers) => {
  let count = 0;
  const intercept: SceneOptions["intercept"] = ({ server }) =>
    server === "registry" && (count += 1) === 1 ? { answer: { status: 429, headers } } : {};
  await using scene = await openHub({ intercept });
  expect((await scene.resolve(redis)).digest).toBe(image.digest);
});

test("a repository that Docker Hub refuses may be private, or not exist", async () => {
  await using scene = await openHub();
  await expect(scene.resolve("docker.io/annie/core:7")).rejects.toMatchObject({
    code: "image.denied",
    exitCode: 2,
    message: "Docker Hub refuses docker.io/annie/core:7: it does not exist, or it is private.",
    hint: "Check its name in the compose file. If it is private, log in: docker login",
  });
});

test("the engine's mirrors are asked first, and get neither login nor token", async () => {
  await using mirror = await openMirror();
  const registries = { mirrors: [`http://${mirror.host}/`] };
  await using scene = await openHub({ login: annie, registries });
  const found = await scene.resolve(redis);
  const opened = await scene.registries.open(scene.part(found, layer));
  expect((await bytesOf(opened)).length).toBe(3000);
  expect(found.reference.registry).toBe("docker.io");
  expect(scene.server.seen).toEqual([]);
  expect(mirror.seen.map(({ authorization }) => authorization)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(scene.logins).toEqual([]);
});

test("what a mirror lacks, or is not to be had from it, Docker Hub has", async () => {
  await using mirror = await openMirror([]);
  const registries = { mirrors: [`http://${mirror.host}`] };
  await using scene = await openHub({ login: annie, registries });
  for (const name of [redis, "docker.io/annie/core:7"]) {
    const found = await scene.resolve(name);
    const opened = await scene.registries.open(scene.part(found, layer));
    expect((await bytesOf(opened)).length).toBe(3000);
  }
  expect(mirror.seen.length).toBeGreaterThan(0);
  expect(mirror.seen.every(({ authorization }) => authorization === undefined)).toBe(true);
  // That it lacks an image is no failure of the mirror.
  expect(scene.switches).toEqual([]);
});

test("a mirror that is down is told of once, and asked last from then on", async () => {
  const mirror = await openMirror();
  await mirror[Symbol.asyncDispose]();
  const registries = { mirrors: [`http://${mirror.host}`] };
  await using scene = await openHub({ registries });
  await scene.resolve(redis);
  expect(scene.switches).toMatchObject([
    { from: mirror.host, to: "Docker Hub", error: { code: "registry.unreachable" } },
  ]);
});

test("what neither a mirror nor Docker Hub has is told in Docker Hub's words", async () => {
  await using mirror = await openMirror();
  await using scene = await openHub({ registries: { mirrors: [`http://${mirror.host}`] } });
  await expect(scene.resolve("docker.io/redis:9")).rejects.toMatchObject({
    code: "image.not_found",
    message: "Docker Hub has no image docker.io/redis:9: the repository has no such tag.",
  });
});

test.each([
  "http://mirror.example.org",
  "ftp://mirror",
  "https://a:b@mirror.example.org",
  "mirror",
])("a mirror at %s, whose answers others could change or read, is passed over", async (mirror) => {
  await using scene = await openHub({ registries: { mirrors: [mirror] } });
  expect((await scene.resolve(redis)).digest).toBe(image.digest);
  expect(scene.switches).toEqual([]);
});

test("mirrors are Docker Hub's alone", async () => {
  await using mirror = await openMirror(["core"]);
  await using scene = await openHub({
    auth: "none",
    names: ({ host }) => ({ "ghcr.io": host }),
    registries: { mirrors: [`http://${mirror.host}`] },
  });
  await expect(scene.resolve("ghcr.io/core:7")).rejects.toMatchObject({ code: "image.not_found" });
  expect(mirror.seen).toEqual([]);
});
