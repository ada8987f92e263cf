import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { gzipSync } from "node:zlib";
import { generatedBytes, readBytes } from "../../src/demo/hub/content.ts";
import { parseRange } from "../../src/serve/exchange.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";

const weights = "/demo/a/resolve/main/model.safetensors";
const sizeBytes = 5_000_003;
let hub: EmbeddedHub;

beforeEach(async () => {
  hub = await startHub({
    tokens: { hf_ann: "ann" },
    repos: [
      {
        id: "demo/a",
        files: [
          { path: "model.safetensors", sizeBytes },
          { path: "other.safetensors", sizeBytes },
          { path: "vocab.json", sizeBytes: 20_000 },
          { path: "empty.txt", content: "" },
        ],
      },
    ],
  });
});

afterEach(() => hub.close());

function get(path: string, range?: string): Promise<Response> {
  return fetch(hub.endpoint + path, { headers: range === undefined ? {} : { range } });
}

test("ranges in any order add up to the file that the hash names", async () => {
  const [first, second, third] = await Promise.all(
    ["bytes=3000000-", "bytes=0-1048576", "bytes=1048577-2999999"].map(async (range) => {
      const answer = await get(weights, range);
      expect(answer.status).toBe(206);
      return Buffer.from(await answer.arrayBuffer());
    }),
  );

  const whole = Buffer.concat([second, third, first].map((part) => part ?? Buffer.alloc(0)));
  const { sha256 } = await hub.file("demo/a", "model.safetensors").identify();
  expect(createHash("sha256").update(whole).digest("hex")).toBe(sha256);
  expect(hub.sentBytes({ path: "model.safetensors" })).toBe(sizeBytes);
});

test("says which bytes it sends, and refuses those behind the end", async () => {
  const part = await get(weights, "bytes=10-19");
  expect(part.headers.get("content-range")).toBe(`bytes 10-19/${sizeBytes}`);
  expect(part.headers.get("content-length")).toBe("10");

  const behind = await get(weights, `bytes=${sizeBytes}-`);
  expect(behind.status).toBe(416);
  expect(behind.headers.get("content-range")).toBe(`bytes */${sizeBytes}`);

  const small = await get("/demo/a/resolve/main/vocab.json", "bytes=19990-29999");
  expect(small.status).toBe(206);
  expect(Buffer.from(await small.arrayBuffer())).toEqual(
    readBytes(hub.file("demo/a", "vocab.json").source, 19_990),
  );
});

test.each([
  ["bytes=0-0", { start: 0, end: 1 }],
  ["bytes=90-200", { start: 90, end: 100 }],
  ["bytes=-10", { start: 90, end: 100 }],
  ["bytes=-200", { start: 0, end: 100 }],
  ["bytes=100-", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=5-4", null],
  ["bytes=-", null],
  ["items=0-1", null],
])("reads the range %s of 100 bytes", (header, expected) => {
  expect(parseRange(header, 100)).toEqual(expected);
});

test("an LFS file is answered by a redirect that carries its names, a small one at once", async () => {
  const large = await fetch(hub.endpoint + weights, { method: "HEAD", redirect: "manual" });
  const { blobName } = await hub.file("demo/a", "model.safetensors").identify();
  expect(large.status).toBe(302);
  expect(new URL(large.headers.get("location") ?? "").origin).toBe(hub.contentOrigin);
  expect(large.headers.get("x-linked-etag")).toBe(`"${blobName}"`);
  expect(large.headers.get("x-linked-size")).toBe(String(sizeBytes));
  expect(large.headers.get("x-repo-commit")).toBe(hub.commit("demo/a"));

  const small = await fetch(`${hub.endpoint}/demo/a/resolve/main/vocab.json`, { method: "HEAD" });
  expect(small.status).toBe(200);
  expect(small.headers.get("etag")).toBe(
    `"${(await hub.file("demo/a", "vocab.json").identify()).blobName}"`,
  );
  expect(small.headers.get("content-length")).toBe("20000");
  expect(hub.sentBytes()).toBe(0);
});

test("serves an empty file", async () => {
  const answer = await get("/demo/a/resolve/main/empty.txt");

  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe("");
  // Git's own name for an empty blob.
  expect(answer.headers.get("etag")).toBe('"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"');
});

test("signed addresses work without a token until they expire, and not when changed", async () => {
  const redirect = await fetch(hub.endpoint + weights, { redirect: "manual" });
  const address = redirect.headers.get("location") ?? "";

  expect((await fetch(address, { headers: { range: "bytes=0-9" } })).status).toBe(206);
  expect((await fetch(address.replace("Signature=", "Signature=0"))).status).toBe(403);
  hub.expireLinks();
  const expired = await fetch(address);
  expect(expired.status).toBe(403);
  expect(await expired.text()).toContain("Request has expired");
  expect((await get(weights, "bytes=0-9")).status).toBe(206);
});

test("an address that was good for no time has expired", async () => {
  const brief = await startHub({
    linkLifetimeSeconds: 0,
    repos: [{ id: "demo/a", files: [{ path: "a.bin", sizeBytes: 10 }] }],
  });
  const answer = await fetch(`${brief.endpoint}/demo/a/resolve/main/a.bin`);
  expect(answer.status).toBe(403);
  await brief.close();
});

test("records what was asked of which origin, and with which token", async () => {
  await fetch(hub.endpoint + weights, {
    headers: { authorization: "Bearer hf_ann", range: "bytes=0-9" },
  });

  expect(
    hub.requests.map(({ origin, method, status, range }) => ({ origin, method, status, range })),
  ).toEqual([
    { origin: "hub", method: "GET", status: 302, range: null },
    { origin: "content", method: "GET", status: 206, range: { start: 0, end: 10 } },
  ]);
  expect(hub.requests.map(({ headers }) => headers.authorization)).toEqual([
    "Bearer hf_ann",
    undefined,
  ]);
  expect(hub.requests.map(({ file }) => file?.path)).toEqual([
    "model.safetensors",
    "model.safetensors",
  ]);
  hub.forgetRequests();
  expect(hub.requests).toEqual([]);
});

test("a new commit moves the branch and leaves the old one where it was", async () => {
  const before = hub.commit("demo/a");
  const after = hub.publish({ id: "demo/a", files: [{ path: "new.txt", content: "new" }] });

  expect(after).not.toBe(before);
  expect(await (await get("/demo/a/resolve/main/new.txt")).text()).toBe("new");
  expect((await get("/demo/a/resolve/main/vocab.json")).status).toBe(404);
  expect((await get(`/demo/a/resolve/${before}/vocab.json`)).status).toBe(200);
});

test("generated bytes differ between files and between places in a file, and do not compress", () => {
  const content = readBytes(generatedBytes("a", 3_500_000));
  const other = readBytes(generatedBytes("b", 3_500_000));

  expect(content.equals(readBytes(generatedBytes("a", 3_500_000)))).toBe(true);
  const mebibyte = 1024 * 1024;
  const blocks = [0, 1, 2].map((index) =>
    content.subarray(index * mebibyte, (index + 1) * mebibyte),
  );
  expect(new Set(blocks.map((block) => createHash("sha1").update(block).digest("hex"))).size).toBe(
    3,
  );
  expect(content.subarray(0, 64).equals(other.subarray(0, 64))).toBe(false);
  expect(gzipSync(content, { level: 1 }).length).toBeGreaterThan(content.length * 0.99);
  const { source } = hub.file("demo/a", "model.safetensors");
  expect(readBytes(source, 1_000_000, 1_100_000)).toEqual(
    readBytes(source).subarray(1_000_000, 1_100_000),
  );
});
