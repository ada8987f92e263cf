import {
  HubApiError,
  fileDownloadInfo,
  listFiles,
  type ListFileEntry,
  modelInfo,
  snapshotDownload,
  whoAmI,
} from "@huggingface/hub";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readBytes } from "../../src/demo/hub/content.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";

let hub: EmbeddedHub;

beforeEach(async () => {
  hub = await startHub({
    pageSize: 2,
    tokens: { hf_ann: "ann", hf_bob: "bob" },
    renames: { "old/voice": "demo/voice" },
    repos: [
      {
        id: "demo/voice",
        files: [
          { path: "config.json", content: '{"voice":true}' },
          { path: "1_Pooling/config.json", content: "{}" },
          { path: "model.safetensors", sizeBytes: 3_000_001 },
          { path: "voices/a.pt", sizeBytes: 70_000 },
          { path: "vocab.json", sizeBytes: 20_000 },
        ],
      },
      {
        id: "demo/gated",
        access: "gated",
        readers: ["hf_ann"],
        files: [{ path: "a.bin", sizeBytes: 10 }],
      },
      { id: "demo/private", access: "private", files: [{ path: "config.json", content: "{}" }] },
    ],
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await hub.close();
});

async function list(repo: string): Promise<ListFileEntry[]> {
  const files: ListFileEntry[] = [];
  for await (const file of listFiles({ repo, recursive: true, hubUrl: hub.endpoint }))
    files.push(file);
  return files;
}

test("@huggingface/hub lists every file with its hashes, over several pages", async () => {
  const files = await list("demo/voice");

  expect(files.filter((file) => file.type === "directory").map((file) => file.path)).toEqual([
    "1_Pooling",
    "voices",
  ]);
  const weights = files.find((file) => file.path === "model.safetensors");
  const content = readBytes(hub.file("demo/voice", "model.safetensors").source);
  expect(weights).toMatchObject({
    size: 3_000_001,
    lfs: { size: 3_000_001, oid: createHash("sha256").update(content).digest("hex") },
  });
  expect(weights).not.toHaveProperty("xetHash");
  // Git's own name for a blob that holds "{}".
  expect(files.find((file) => file.path === "1_Pooling/config.json")).toMatchObject({
    size: 2,
    oid: "9e26dfeeb6e641a33dae4961196235bdb965b21b",
  });
  expect(hub.requests.filter(({ url }) => url.includes("/tree/"))).toHaveLength(4);
});

test("@huggingface/hub learns commit, size and hash of a file", async () => {
  const info = await modelInfo({
    name: "demo/voice",
    hubUrl: hub.endpoint,
    additionalFields: ["sha"],
  });
  expect(info.sha).toBe(hub.commit("demo/voice"));

  const { blobName } = await hub.file("demo/voice", "model.safetensors").identify();
  const file = { repo: "demo/voice", path: "model.safetensors", hubUrl: hub.endpoint };
  expect(await fileDownloadInfo(file)).toMatchObject({ size: 3_000_001, etag: `"${blobName}"` });
});

test("@huggingface/hub downloads a snapshot whose blobs hold what their names say", async () => {
  vi.spyOn(console, "debug").mockReturnValue();
  const cacheDir = await mkdtemp(join(tmpdir(), "heros-hub-client-"));
  try {
    const folder = await snapshotDownload({ repo: "demo/voice", hubUrl: hub.endpoint, cacheDir });

    expect(basename(folder)).toBe(hub.commit("demo/voice"));
    const blobs = join(folder, "../../blobs");
    const names = await readdir(blobs);
    expect(names).toHaveLength(5);
    for (const name of names.filter((each) => each.length === 64)) {
      const content = await readFile(join(blobs, name));
      expect(createHash("sha256").update(content).digest("hex")).toBe(name);
    }
  } finally {
    await rm(cacheDir, { recursive: true });
  }
});

test("follows a renamed repository by a relative redirect on the same origin", async () => {
  const answer = await fetch(`${hub.endpoint}/old/voice/resolve/main/config.json`, {
    redirect: "manual",
  });
  expect(answer.status).toBe(307);
  expect(answer.headers.get("location")).toBe("/demo/voice/resolve/main/config.json");

  const files = await list("old/voice");
  expect(files.map((file) => file.path)).toContain("config.json");
});

test("knows its tokens, and refuses others", async () => {
  expect(await whoAmI({ accessToken: "hf_ann", hubUrl: hub.endpoint })).toMatchObject({
    name: "ann",
  });
  const refused = whoAmI({ accessToken: "hf_eve", hubUrl: hub.endpoint });
  await expect(refused).rejects.toThrow("Invalid credentials");
  await expect(refused).rejects.toBeInstanceOf(HubApiError);
});

test.each([
  [
    "a private repository without a token",
    "/demo/private/resolve/main/config.json",
    null,
    401,
    "RepoNotFound",
  ],
  [
    "a missing repository without a token",
    "/demo/none/resolve/main/config.json",
    null,
    401,
    "RepoNotFound",
  ],
  ["a missing repository with a token", "/api/models/demo/none", "hf_ann", 404, "RepoNotFound"],
  ["a private repository with a token", "/api/models/demo/private", "hf_ann", 200, null],
  ["a gated file without a token", "/demo/gated/resolve/main/a.bin", null, 401, "GatedRepo"],
  [
    "a gated file with another's token",
    "/demo/gated/resolve/main/a.bin",
    "hf_bob",
    403,
    "GatedRepo",
  ],
  ["a gated file with a reader's token", "/demo/gated/resolve/main/a.bin", "hf_ann", 302, null],
  ["a gated list without a token", "/api/models/demo/gated/tree/main", null, 200, null],
  ["an unknown revision", "/api/models/demo/voice/revision/nope", null, 404, "RevisionNotFound"],
  ["an unknown file", "/demo/voice/resolve/main/nope.txt", null, 404, "EntryNotFound"],
  ["a wrong token on something public", "/api/models/demo/voice", "hf_eve", 401, null],
])("answers to %s as the Hub does", async (_, path, token, status, code) => {
  const answer = await fetch(hub.endpoint + path, {
    redirect: "manual",
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  });

  expect(answer.status).toBe(status);
  expect(answer.headers.get("x-error-code")).toBe(code);
  expect(answer.headers.has("x-error-message")).toBe(status >= 400);
});
