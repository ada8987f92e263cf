import { expect, test } from "vitest";
import type { Fault, Intercept, RecordedRequest } from "../../src/demo/hub/exchange.ts";
import type { HubOptions } from "../../src/demo/hub/hub.ts";
import type { Tuning } from "../../src/download/tuning.ts";
import { model, openScene, type Scene } from "./scene.ts";

const bytes = 3_000_000;
const repo = "org/model";
const large = { path: "model.safetensors", sizeBytes: bytes };
const small = { path: "config.json", content: '{"model_type":"test"}' };
const isContent = ({ origin }: RecordedRequest): boolean => origin === "content";
const isSmall = ({ file, method }: RecordedRequest): boolean =>
  file?.path === small.path && method === "GET";

/** This fault for the first so many requests of a kind. */
function first(
  count: number,
  kind: (request: RecordedRequest) => boolean,
  fault: Fault,
): Intercept {
  let left = count;
  return (request) => {
    if (!kind(request) || left === 0) return undefined;
    left -= 1;
    return fault;
  };
}

async function pullWith(
  intercept: Intercept,
  run: (scene: Scene) => Promise<void> | void,
  { tuning, ...options }: Partial<HubOptions> & { tuning?: Partial<Tuning> } = {},
): Promise<void> {
  await using scene = await openScene({
    repos: [{ id: repo, files: [large, small] }],
    ...options,
    intercept,
  });
  await scene.pull([model("m", repo)], tuning === undefined ? {} : { tuning });
  expect(scene.of("file.verified")).toHaveLength(2);
  expect(scene.of("model.ready")).toHaveLength(1);
  await run(scene);
}

const mended: [string, Fault][] = [
  ["reset before an answer", { reset: true }],
  ["cut in the middle", { cutAfterBytes: 100_000 }],
  ["cut before the first byte", { cutAfterBytes: 0 }],
  ["silent after a while", { stallAfterBytes: 100_000 }],
  ["silent from the start", { stallAfterBytes: 0 }],
  ["packed with gzip", { gzip: true }],
  ["longer than the range", { extraBytes: 1000 }],
  ["of a range that was not asked for", { headers: { "Content-Range": "bytes 5-9/3000000" } }],
  ["answered 500", { answer: { status: 500, body: "oops" } }],
  ["answered 503 with Retry-After", { answer: { status: 503, headers: { "Retry-After": "1" } } }],
  ["answered 416", { answer: { status: 416 } }],
  ["damaged on the way", { garbage: { start: 0, end: bytes } }],
];

test.each(mended)("a range that is %s is fetched again", async (_, fault) => {
  await pullWith(
    first(1, isContent, fault),
    (scene) => {
      expect(scene.of("download.retrying").length).toBeGreaterThanOrEqual(1);
      expect(scene.of("download.retrying")[0]).toMatchObject({ model: "m", path: large.path });
    },
    { tuning: { idleMs: 2000 } },
  );
});

test.each(mended.filter(([name]) => !/range|416/u.test(name)))(
  "a small file that is %s is fetched again",
  async (_, fault) => {
    const short = "cutAfterBytes" in fault || "stallAfterBytes" in fault;
    const own = short ? { ...fault, ...(fault.cutAfterBytes ? { cutAfterBytes: 5 } : {}) } : fault;
    await pullWith(first(1, isSmall, own), ({ served }) => {
      const asked = served.requests.filter((request) => isSmall(request));
      expect(asked.length).toBeGreaterThanOrEqual(own.stallAfterBytes === 100_000 ? 1 : 2);
    });
  },
);

test("every connection breaking after 200 kB only makes it slower", async () => {
  await pullWith(
    (request) => (isContent(request) ? { cutAfterBytes: 200_000 } : undefined),
    (scene) => {
      const fetched = scene.of("download.finished")[0]?.fetchedBytes ?? 0;
      expect(fetched).toBe(bytes + small.content.length);
    },
  );
});

test("a server that knows no ranges sends the whole file over one connection", async () => {
  await pullWith(
    (request) => (isContent(request) ? { ignoreRange: true } : undefined),
    ({ served }) => {
      const whole = served.requests.filter(
        ({ sentBytes, headers }) => sentBytes === bytes && headers.range === undefined,
      );
      expect(whole).toHaveLength(1);
    },
  );
});

test("signed addresses that expire half-way are asked for again", async () => {
  let seen = 0;
  await using scene = await openScene({
    repos: [{ id: repo, files: [large, small] }],
    intercept: (request) => {
      if (isContent(request) && (seen += 1) === 6) setImmediate(() => scene.served.expireLinks());
      return undefined;
    },
    throttle: { bytesPerSecond: 6_000_000 },
  });
  await scene.pull([model("m", repo)]);
  expect(scene.of("file.verified")).toHaveLength(2);
  expect(scene.served.requests.some(({ status }) => status === 403)).toBe(true);
  const resolved = scene.served.requests.filter(
    ({ origin, file, method }) => origin === "hub" && file?.path === large.path && method === "GET",
  );
  expect(resolved.length).toBeGreaterThanOrEqual(2);
});

test("429 is waited out for as long as the Hub says, by all connections", async () => {
  const many = Array.from({ length: 30 }, (_, index) => ({
    path: `${index}.txt`,
    content: `${index}`,
  }));
  await using scene = await openScene({
    repos: [{ id: repo, files: many }],
    rateLimits: { resolvers: 12, windowSeconds: 1 },
  });
  await scene.pull([model("m", repo)]);
  const [retry] = scene.of("download.retrying");
  expect(retry?.reason).toContain("slow down");
  // t + 1 seconds: the Hub rounds what is left of its second.
  expect([1000, 2000]).toContain(retry?.delayMs);
  expect(scene.of("file.verified")).toHaveLength(30);
});

test("content that stays wrong ends with the name and both hashes, after three tries", async () => {
  await using scene = await openScene({
    repos: [{ id: repo, files: [large, small] }],
    intercept: (request) => (isContent(request) ? { garbage: { start: 0, end: 9 } } : undefined),
  });
  const { sha256 } = await scene.served.file(repo, large.path).identify();
  await expect(scene.pull([model("m", repo)])).rejects.toThrow(
    expect.objectContaining({
      code: "download.hash_mismatch",
      exitCode: 6,
      message: expect.stringMatching(
        new RegExp(`${large.path} of ${repo}.*[0-9a-f]{64}.*${sha256}`, "u"),
      ) as string,
    }),
  );
  expect(scene.served.sentBytes({ path: large.path })).toBe(bytes * 3);
  expect(scene.of("model.ready")).toEqual([]);
});

test("an outage of the whole network is waited out, and given up only after its time", async () => {
  let down = true;
  const intercept: Intercept = (request) =>
    request.method === "GET" && request.file !== null && down ? { reset: true } : undefined;
  await using scene = await openScene({ repos: [{ id: repo, files: [large, small] }], intercept });
  const onEvent = ({ type }: { type: string }): void => {
    if (type === "download.retrying" && scene.of("download.retrying").length >= 4) down = false;
  };
  await scene.pull([model("m", repo)], { onEvent });
  const delays = scene.of("download.retrying").map(({ delayMs }) => delayMs);
  expect(delays[3]).toBeGreaterThan(delays[0] ?? 0);

  down = true;
  await using other = await openScene({ repos: [{ id: repo, files: [large, small] }], intercept });
  await expect(other.pull([model("m", repo)], { tuning: { failAfterMs: 1000 } })).rejects.toThrow(
    expect.objectContaining({ code: "hub.unreachable", exitCode: 5 }),
  );
});

test("a gated repository of the last tier is found out before the first byte of any", async () => {
  await using scene = await openScene({
    repos: [
      { id: repo, files: [large] },
      { id: "meta/gated", access: "gated", files: [small] },
    ],
    tokens: { hf_good: "annie" },
  });
  const models = [model("m", repo), model("g", "meta/gated", { priority: 3 })];
  await expect(scene.pull(models)).rejects.toThrow(
    expect.objectContaining({ code: "hub.gated", exitCode: 2 }),
  );
  expect(scene.served.sentBytes()).toBe(0);
  await scene.pull(models, { hub: scene.hub({ token: "hf_good" }) });
  expect(scene.of("model.ready")).toHaveLength(2);
});

test("the token goes to the Hub's own origin and nowhere else", async () => {
  await using scene = await openScene({
    repos: [{ id: repo, files: [large, small] }],
    tokens: { hf_good: "annie" },
    renames: { "old/model": repo },
  });
  await scene.pull([model("m", "old/model")], { hub: scene.hub({ token: "hf_good" }) });
  for (const { origin, headers, url } of scene.served.requests) {
    expect(headers.authorization, url).toBe(origin === "hub" ? "Bearer hf_good" : undefined);
  }
  expect(JSON.stringify(scene.events)).not.toContain("hf_good");
});

test("a connection that is much slower than its siblings is replaced, also at the very end", async () => {
  let seen = 0;
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ ...large, sizeBytes: 6_000_000 }] }],
    throttle: { bytesPerSecondPerConnection: 1_000_000 },
    intercept: (request) =>
      isContent(request) && (seen += 1) === 3 ? { bytesPerSecond: 10_000 } : undefined,
  });
  await scene.pull([model("m", repo)]);
  expect(scene.of("file.verified")).toHaveLength(1);
  const slowest = scene.served.requests.find(
    (request) => isContent(request) && request.sentBytes < 200_000,
  );
  expect(slowest).toBeDefined();
});

test("answers in chunks are asked for once, and their bytes come once", async () => {
  await pullWith(
    ({ file }) => (file === null ? undefined : { headers: { "Content-Length": null } }),
    ({ served }) => {
      expect(served.sentBytes()).toBe(bytes + small.content.length);
      const ranges = served.requests.flatMap(({ range }) => (range === null ? [] : [range.start]));
      expect(new Set(ranges).size).toBe(ranges.length);
    },
  );
});
