import { rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readBytes } from "../../../src/demo/hub/content.ts";
import { openServed, type ServeScene, serverToken } from "./serve-scene.ts";

const repo = "openai/whisper";
const repos = [
  {
    id: repo,
    xet: true,
    files: [
      { path: "model.safetensors", sizeBytes: 3_000_001 },
      { path: "config.json", sizeBytes: 900 },
      { path: "onnx/deep/encoder.onnx", sizeBytes: 70_000 },
      { path: "empty.json", content: "" },
    ],
  },
];
const weights = `/${repo}/resolve/main/model.safetensors`;

async function treeOf(served: Pick<ServeScene, "get">): Promise<{ path: string }[]> {
  const files: { path: string }[] = [];
  let path: string | null = `/api/models/${repo}/tree/main?recursive=true`;
  while (path !== null) {
    const answer: Response = await served.get(path);
    files.push(...((await answer.json()) as { path: string }[]));
    const next = /<(.+)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
    path = next === undefined ? null : new URL(next).pathname + new URL(next).search;
  }
  return files;
}

it("tells of a model what the Hub told, and never of Xet", async () => {
  const served = await openServed({ repos });
  const commit = served.scene.served.commit(repo);
  const info = (await (await served.get(`/api/models/${repo}`)).json()) as Record<string, unknown>;
  expect(info).toMatchObject({ id: repo, sha: commit, private: false, gated: false });

  const tree = await treeOf(served);
  const hub = await treeOf({ get: (path) => fetch(served.scene.served.endpoint + path) });
  const withoutXet = hub.map((entry) => ({ ...entry, xetHash: undefined }));
  expect(tree).toEqual(withoutXet.map((entry) => JSON.parse(JSON.stringify(entry)) as unknown));

  const asked = await fetch(`${served.url}/api/models/${repo}/paths-info/main`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ paths: ["config.json", "onnx", "nothing"] }),
  });
  const found = (await asked.json()) as { path: string; type: string }[];
  expect(found.map(({ path, type }) => [path, type])).toEqual([
    ["config.json", "file"],
    ["onnx", "directory"],
  ]);
});

it("gives the bytes of a file, its names, and any part of it, itself", async () => {
  const served = await openServed({ repos });
  const file = served.scene.served.file(repo, "model.safetensors");
  const { blobName } = await file.identify();
  const whole = await served.get(weights);
  expect(whole.status).toBe(200);
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    etag: `"${blobName}"`,
    "x-linked-etag": `"${blobName}"`,
    "x-linked-size": "3000001",
    "x-repo-commit": served.scene.served.commit(repo),
  });
  expect([...whole.headers.keys()].filter((name) => name.includes("xet"))).toEqual([]);
  expect(Buffer.from(await whole.arrayBuffer()).equals(readBytes(file.source))).toBe(true);

  const part = await served.get(weights, { range: "bytes=1048570-2097160" });
  expect(part.status).toBe(206);
  const expected = readBytes(file.source, 1_048_570, 2_097_161);
  expect(Buffer.from(await part.arrayBuffer()).equals(expected)).toBe(true);
  expect((await served.get(weights, { "if-none-match": `"${blobName}"` })).status).toBe(304);
  expect(await (await served.get(`/${repo}/resolve/main/empty.json`)).text()).toBe("");
});

it("has no more than the cache has", async () => {
  const served = await openServed({ repos });
  const { scene } = served;
  const before = scene.served.requests.length;
  const other = scene.hub({ endpoint: served.url });
  await rm(scene.cacheDir, { recursive: true });
  // What is gone from the cache is gone from the server, at once.
  await expect(other.list(repo, "main", new AbortController().signal)).rejects.toMatchObject({
    code: "hub.repo_not_found",
  });
  expect(scene.served.requests.length).toBe(before);
});

it("lists what is there alone, and says that there is more", async () => {
  const served = await openServed({ repos });
  const { scene } = served;
  const { blobName } = await scene.served.file(repo, "config.json").identify();
  await rm(join(scene.cacheDir, "models--openai--whisper", "blobs", blobName));
  const answer = await served.get(`/api/models/${repo}?blobs=true`);
  expect(answer.headers.get("x-heros-partial")).toBe("true");
  expect(await answer.text()).not.toContain("config.json");
  const gone = await served.get(`/${repo}/resolve/main/config.json`);
  expect([gone.status, gone.headers.get("x-error-code")]).toEqual([404, "EntryNotFound"]);
});

it("says as the Hub does what it does not have", async () => {
  const served = await openServed({ repos });
  const codeOf = async (path: string): Promise<[number, string | null]> => {
    const { status, headers } = await served.get(path);
    return [status, headers.get("x-error-code")];
  };
  expect(await codeOf("/api/models/no/body")).toEqual([404, "RepoNotFound"]);
  expect(await codeOf(`/${repo}/resolve/v2/config.json`)).toEqual([404, "RevisionNotFound"]);
  expect(await codeOf(`/${repo}/resolve/${"0".repeat(40)}/config.json`)).toEqual([
    404,
    "RevisionNotFound",
  ]);
  expect(await codeOf(`/${repo}/resolve/main/nothing.json`)).toEqual([404, "EntryNotFound"]);
  expect(await codeOf(`/api/models/${repo}/tree/main/nothing`)).toEqual([404, "EntryNotFound"]);
  expect((await served.get("/api/whoami-v2")).status).toBe(401);
  const posted = await fetch(`${served.url}${weights}`, { method: "POST" });
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

it.each(["gated", "hidden", "unknown"] as const)(
  "gives a model that is %s to clients with its token alone",
  async (access) => {
    const served = await openServed({ repos }, { access: () => access });
    for (const path of [weights, `/api/models/${repo}`, `/api/models/${repo}/tree/main`]) {
      expect((await served.get(path)).status).toBe(401);
      expect((await served.get(path, { authorization: "Bearer hf_other" })).status).toBe(401);
      expect((await served.get(path, { authorization: `Bearer ${serverToken}` })).status).toBe(200);
    }
  },
);

it("gives nothing that a link in the cache leads out to", async () => {
  const served = await openServed({ repos });
  const { scene } = served;
  const secret = join(scene.folder, "secret");
  const { blobName } = await scene.served.file(repo, "config.json").identify();
  const blobs = join(scene.cacheDir, "models--openai--whisper", "blobs");
  await writeFile(secret, "s".repeat(900));
  await rm(join(blobs, blobName));
  await symlink(secret, join(blobs, blobName));
  const answer = await served.get(`/${repo}/resolve/main/config.json`);
  expect([answer.status, await answer.text()]).toEqual([
    404,
    expect.not.stringContaining("sss") as unknown,
  ]);
  // One that stays inside is followed: the cache's newer layout has such.
  await rm(join(blobs, blobName));
  await writeFile(join(scene.cacheDir, "shared"), "i".repeat(900));
  await symlink(join(scene.cacheDir, "shared"), join(blobs, blobName));
  const inside = await served.get(`/${repo}/resolve/main/config.json`);
  expect(await inside.text()).toBe("i".repeat(900));
});
