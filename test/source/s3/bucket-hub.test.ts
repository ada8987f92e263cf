import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { connectHub } from "../../../src/source/hub/hub.ts";
import { model, openScene, quickHost, type Scene } from "../../download/scene.ts";
import { type S3ServerOptions, startS3, testKey } from "./s3-server.ts";

const repo = "org/model";
const commit = "1".repeat(40);
const weights = Buffer.alloc(3_000_000, "weights ");
const config = Buffer.from("{}");
const { signal } = new AbortController();

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const gitSha1 = (bytes: Buffer) =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

const manifest = {
  schema: 1,
  models: [
    {
      repo,
      revision: "main",
      commit,
      files: [
        { path: "config.json", size: config.length, gitSha1: gitSha1(config) },
        { path: "a +/weights.bin", size: weights.length, sha256: sha256(weights) },
      ],
    },
  ],
};

async function filled(options: S3ServerOptions = {}) {
  const server = await startS3(options);
  server.put("annie/heros-manifest.json", JSON.stringify(manifest));
  server.put(`annie/${repo}/${commit}/config.json`, config);
  server.put(`annie/${repo}/${commit}/a +/weights.bin`, weights);
  return server;
}

function hubOf(env: Record<string, string>, endpoint = "s3://models/annie") {
  return connectHub({ host: { ...quickHost(), env }, endpoint, token: null, forMs: 0 });
}

async function pulled(scene: Scene, env: Record<string, string>, endpoint?: string) {
  const survey = await scene.pull([model(repo, repo)], { hub: hubOf(env, endpoint) });
  return survey.models[0]?.snapshots[0]?.path ?? "";
}

test("a model of a bucket comes into the Hub cache, signed and verified, in ranges", async () => {
  await using server = await filled();
  await using scene = await openScene({ repos: [] });
  const folder = await pulled(scene, server.env);
  expect(folder).toMatch(new RegExp(`models--org--model/snapshots/${commit}$`, "u"));
  expect(await readFile(`${folder}/a +/weights.bin`)).toEqual(weights);
  expect(await readFile(`${folder}/config.json`)).toEqual(config);
  expect(
    scene
      .of("file.verified")
      .map(({ path }) => path)
      .toSorted(),
  ).toEqual(["a +/weights.bin", "config.json"]);
  const ranged = server.asked.filter(({ headers }) => headers.range !== undefined);
  expect(ranged.length).toBeGreaterThan(1);
});

test("a content that is not what the manifest promises gets no name", async () => {
  await using server = await filled();
  server.put(`annie/${repo}/${commit}/a +/weights.bin`, Buffer.alloc(weights.length, "liar"));
  await using scene = await openScene({ repos: [] });
  await expect(pulled(scene, server.env)).rejects.toMatchObject({ exitCode: 6 });
  expect(scene.of("model.ready")).toEqual([]);
});

test("a copy of a Hub cache, with its links followed, is taken as one: its blobs' names are the hashes", async () => {
  await using server = await startS3({ pageSize: 2 });
  const root = "cache/models--org--model";
  server.put(`${root}/refs/main`, commit);
  for (const [path, bytes, hash] of [
    ["config.json", config, gitSha1(config)],
    ["a/weights.bin", weights, sha256(weights)],
  ] as const) {
    server.put(`${root}/blobs/${hash}`, bytes);
    server.put(`${root}/snapshots/${commit}/${path}`, bytes);
  }
  await using scene = await openScene({ repos: [] });
  const folder = await pulled(scene, server.env, "s3://models/cache");
  expect(await readFile(`${folder}/a/weights.bin`)).toEqual(weights);
});

test("without blobs the store's own sha256 counts, and without that nothing is downloaded", async () => {
  await using server = await startS3();
  const root = "cache/models--org--model";
  const sum = createHash("sha256").update(weights).digest("base64");
  server.put(`${root}/refs/main`, commit);
  server.put(`${root}/snapshots/${commit}/weights.bin`, weights, { "x-amz-checksum-sha256": sum });
  await using scene = await openScene({ repos: [] });
  const folder = await pulled(scene, server.env, "s3://models/cache");
  expect(await readFile(`${folder}/weights.bin`)).toEqual(weights);

  server.put(`${root}/snapshots/${commit}/more.bin`, weights.subarray(1));
  await expect(
    hubOf(server.env, "s3://models/cache").list(repo, "main", signal),
  ).rejects.toMatchObject({ code: "s3.unverifiable", exitCode: 2 });
});

test.each([
  { what: "a wrong secret", env: { AWS_SECRET_ACCESS_KEY: "hunter2" }, code: "s3.key_refused" },
  { what: "an unknown key", env: { AWS_ACCESS_KEY_ID: "hunter2" }, code: "s3.key_refused" },
  {
    what: "no key",
    env: { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" },
    code: "s3.denied",
  },
  {
    what: "another clock",
    env: {},
    server: { now: () => new Date(Date.now() + 3_600_000) },
    code: "s3.skewed",
    exitCode: 4,
  },
  { what: "no such bucket", env: {}, endpoint: "s3://other/annie", code: "s3.bucket_not_found" },
  { what: "no models", env: {}, endpoint: "s3://models/empty", code: "s3.models_not_found" },
  { what: "another model", env: {}, asked: "org/other", code: "s3.model_not_found" },
  {
    what: "nobody there",
    env: { AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9" },
    code: "s3.unreachable",
    exitCode: 5,
  },
])("$what is told, without a secret", async (given) => {
  const { env, code, exitCode = 2, server: options = {}, endpoint, asked = repo } = given;
  await using server = await filled(options);
  const hub = hubOf({ ...server.env, ...env }, endpoint);
  const error: unknown = await hub.list(asked, "main", signal).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, exitCode });
  const words = `${(error as Error).message} ${JSON.stringify(error)}`;
  for (const secret of ["hunter2", testKey.secret]) expect(words).not.toContain(secret);
});

test("everybody may read a public bucket, and nothing is signed", async () => {
  await using server = await filled({ key: null });
  const listing = await hubOf(server.env).list(repo, "main", signal);
  expect(listing.files).toHaveLength(2);
  expect(server.asked.every(({ headers }) => headers.authorization === undefined)).toBe(true);
});

test("a bucket in another region than was said is asked there", async () => {
  await using server = await filled({ region: "eu-central-1" });
  const listing = await hubOf({ ...server.env, AWS_REGION: "us-east-1" }).list(
    repo,
    "main",
    signal,
  );
  expect(listing.commit).toBe(commit);
});

test("a file that another server serves is asked of it without who we are", async () => {
  const seen: (string | undefined)[] = [];
  const other = createServer((request, response) => {
    seen.push(request.headers.authorization, request.headers["x-amz-date"] as string | undefined);
    response.writeHead(200, { "content-length": config.length }).end(config);
  });
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/x`;
  await using server = await filled({
    fault({ key, method }, response) {
      if (method !== "GET" || !key.endsWith("config.json")) return false;
      response.writeHead(307, { location }).end();
      return true;
    },
  });
  await using scene = await openScene({ repos: [] });
  const folder = await pulled(scene, server.env);
  expect(await readFile(`${folder}/config.json`)).toEqual(config);
  expect(seen).toEqual([undefined, undefined]);
  other.closeAllConnections();
  other.close();
});

test("a store that asks to slow down is asked again", async () => {
  let slowDowns = 2;
  await using server = await filled({
    fault(_asked, response) {
      if (slowDowns === 0) return false;
      slowDowns -= 1;
      response.writeHead(503).end("<Error><Code>SlowDown</Code></Error>");
      return true;
    },
  });
  const host = { ...quickHost(), env: server.env };
  const hub = connectHub({ host, endpoint: "s3://models/annie", token: null });
  expect((await hub.list(repo, "main", signal)).commit).toBe(commit);
});

const changed = (change: (one: (typeof manifest)["models"][number]) => unknown) =>
  JSON.stringify({ schema: 1, models: manifest.models.map(change) });

test.each([
  { what: "no JSON", text: "<html>" },
  { what: "another schema", text: '{"schema":2,"models":[]}' },
  { what: "a name that leaves the cache", text: changed((one) => ({ ...one, repo: "../.." })) },
  { what: "a commit that is none", text: changed((one) => ({ ...one, commit: "../../x" })) },
  {
    what: "a path that leaves the folder",
    text: changed((one) => ({ ...one, files: [{ ...one.files[0], path: "../../.bashrc" }] })),
  },
  {
    what: "a file twice",
    text: changed((one) => ({ ...one, files: [one.files[0], one.files[0]] })),
  },
  {
    what: "a size that is none",
    text: changed((one) => ({ ...one, files: [{ ...one.files[0], size: -1 }] })),
  },
  {
    what: "a model twice",
    text: JSON.stringify({ schema: 1, models: [...manifest.models, ...manifest.models] }),
  },
])("a manifest with $what is refused", async ({ text }) => {
  await using server = await filled();
  server.put("annie/heros-manifest.json", text);
  await expect(hubOf(server.env).list(repo, "main", signal)).rejects.toMatchObject({
    code: "s3.bad_manifest",
  });
});

test.each([
  { what: "an entity of its own", text: '<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult/>' },
  { what: "no end", text: "<ListBucketResult><Contents>" },
  { what: "a web page", text: "<html><body>Log in</body></html>" },
])("a list with $what is not read", async ({ text }) => {
  await using server = await startS3({
    fault({ query }, response) {
      if (!query.has("list-type")) return false;
      response.writeHead(200).end(text);
      return true;
    },
  });
  await expect(hubOf(server.env).list(repo, "main", signal)).rejects.toMatchObject({
    code: "s3.strange",
  });
});
