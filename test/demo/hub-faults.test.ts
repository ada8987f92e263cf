import { afterEach, beforeEach, expect, test } from "vitest";
import { gunzipSync } from "node:zlib";
import { request } from "node:http";
import type { Fault } from "../../src/demo/hub/exchange.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { readBytes } from "../../src/demo/hub/content.ts";

const sizeBytes = 400_000;
const path = "/demo/a/resolve/main/data.txt";
let hub: EmbeddedHub;
let truth: Buffer;

beforeEach(async () => {
  hub = await startHub({ repos: [{ id: "demo/a", files: [{ path: "data.txt", sizeBytes }] }] });
  truth = readBytes(hub.file("demo/a", "data.txt").source);
});

afterEach(() => hub.close());

interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** The connection ended before the body did. */
  readonly cut: boolean;
}

/** Asks without any help: no decompression, no redirect, and what came before a cut is kept. */
function ask(fault: Fault, range?: string): Promise<Received> {
  hub.setIntercept(() => fault);
  return new Promise((resolve, reject) => {
    const headers = range === undefined ? {} : { range };
    const asked = request(hub.endpoint + path, { agent: false, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", () => {
        // `close` follows.
      });
      response.on("close", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
          cut: !response.complete,
        }),
      );
    });
    asked.on("error", reject);
    asked.end();
  });
}

test("without a fault the bytes are right", async () => {
  const { body, cut } = await ask({});

  expect(cut).toBe(false);
  expect(body.equals(truth)).toBe(true);
});

test("resets the connection in the middle of the body", async () => {
  // What was sent and not read is lost with it, the headers too.
  const outcome = await ask({ reset: true, cutAfterBytes: 200_000 }).then(
    ({ cut }) => (cut ? "cut" : "whole"),
    ({ code }: NodeJS.ErrnoException) => code,
  );

  expect(["cut", "ECONNRESET"]).toContain(outcome);
  expect(hub.requests[0]).toMatchObject({ status: 200, sentBytes: 200_000 });
});

test("cuts the body after so many bytes", async () => {
  const { body, cut, headers } = await ask({ cutAfterBytes: 100_000 });

  expect(cut).toBe(true);
  expect(headers["content-length"]).toBe(String(sizeBytes));
  expect(body.equals(truth.subarray(0, 100_000))).toBe(true);
  expect(hub.sentBytes()).toBe(100_000);
});

test("cuts the body before its first byte", async () => {
  expect(await ask({ cutAfterBytes: 0 })).toMatchObject({
    status: 200,
    cut: true,
    body: Buffer.alloc(0),
  });
});

test("stalls after so many bytes, and keeps the connection", async () => {
  hub.setIntercept(() => ({ stallAfterBytes: 1000 }));
  const stop = new AbortController();
  const answer = await fetch(hub.endpoint + path, { signal: stop.signal });
  const reader = answer.body?.getReader();
  let received = 0;
  while (received < 1000) {
    const chunk: unknown = (await reader?.read())?.value;
    received += chunk instanceof Uint8Array ? chunk.length : Number.NaN;
  }
  const silence = Promise.race([
    reader?.read().then(
      () => "more",
      () => "aborted",
    ),
    new Promise((resolve) => setImmediate(resolve, "silent")),
  ]);

  expect(received).toBe(1000);
  expect(await silence).toBe("silent");
  stop.abort();
});

test("resets the connection without an answer", async () => {
  await expect(ask({ reset: true })).rejects.toMatchObject({ code: "ECONNRESET" });
});

test("sends wrong bytes in a range of the file, whichever range is asked for", async () => {
  const fault = { garbage: { start: 250_000, end: 250_010 } };

  const { body } = await ask(fault);
  expect(body.length).toBe(sizeBytes);
  expect(body.subarray(0, 250_000).equals(truth.subarray(0, 250_000))).toBe(true);
  expect(body.subarray(250_000, 250_010).equals(truth.subarray(250_000, 250_010))).toBe(false);
  expect(body.subarray(250_010).equals(truth.subarray(250_010))).toBe(true);

  const part = await ask(fault, "bytes=250005-250014");
  expect(part.body.subarray(0, 5).equals(truth.subarray(250_005, 250_010))).toBe(false);
  expect(part.body.subarray(5).equals(truth.subarray(250_010, 250_015))).toBe(true);
});

test("sends more than the file holds", async () => {
  const { body } = await ask({ extraBytes: 10 });

  expect(body.length).toBe(sizeBytes + 10);
});

test("ignores the range", async () => {
  const { status, body, headers } = await ask({ ignoreRange: true }, "bytes=5-9");

  expect(status).toBe(200);
  expect(headers["content-range"]).toBeUndefined();
  expect(body.equals(truth)).toBe(true);
});

test("compresses what nobody asked for", async () => {
  const { body, headers } = await ask({ gzip: true });

  expect(headers["content-encoding"]).toBe("gzip");
  expect(gunzipSync(body).equals(truth)).toBe(true);
});

test("answers with something else altogether", async () => {
  const { status, body, headers } = await ask({
    answer: { status: 200, headers: { "Content-Type": "text/html" }, body: "<h1>Log in</h1>" },
  });

  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("text/html");
  expect(String(body)).toBe("<h1>Log in</h1>");
});

test("replaces and leaves out headers", async () => {
  const { headers } = await ask(
    { headers: { "content-range": "bytes 0-4/7", ETag: null } },
    "bytes=5-9",
  );

  expect(headers["content-range"]).toBe("bytes 0-4/7");
  expect(headers).not.toHaveProperty("etag");
});

test("a fault can be for one request of many", async () => {
  hub.setIntercept(({ number }) => (number === 2 ? { answer: { status: 503 } } : undefined));
  const statuses: number[] = [];
  for (let turn = 0; turn < 3; turn++) statuses.push((await fetch(hub.endpoint + path)).status);

  expect(statuses).toEqual([200, 503, 200]);
});

test("counts requests against a quota, and says when the next may come", async () => {
  const strict = await startHub({
    repos: [{ id: "demo/a", files: [{ path: "a.txt", content: "a" }] }],
    rateLimits: { resolvers: 2, windowSeconds: 55 },
  });
  const answers: Response[] = [];
  for (let turn = 0; turn < 3; turn++) {
    answers.push(await fetch(`${strict.endpoint}/demo/a/resolve/main/a.txt`));
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  const told = answers.map(({ headers }) => headers.get("ratelimit") ?? "");
  expect(told[0]).toBe('"resolvers";r=1;t=55');
  for (const later of told.slice(1)) expect(later).toMatch(/^"resolvers";r=0;t=\d+$/);
  const seconds = told.map((text) => Number(/\d+$/.exec(text)));
  expect(seconds).toEqual(seconds.toSorted((a, b) => b - a));
  expect((await fetch(`${strict.endpoint}/api/models/demo/a`)).headers.has("ratelimit")).toBe(
    false,
  );
  await strict.close();
});
