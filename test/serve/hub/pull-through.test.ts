import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readBytes } from "../../../src/demo/hub/content.ts";
import type { Fault, Intercept } from "../../../src/demo/hub/exchange.ts";
import { openServed, type ServeScene, serverToken } from "./serve-scene.ts";

const repo = "demo/voice";
const sizeBytes = 6_000_001;
const repos = [
  {
    id: repo,
    files: [
      { path: "model.safetensors", sizeBytes },
      { path: "config.json", sizeBytes: 900 },
    ],
  },
];
const weights = `/${repo}/resolve/main/model.safetensors`;
const open = () => openServed({ repos }, { pull: [], missing: true });

async function bytesOf(answer: Response): Promise<Buffer> {
  return Buffer.from(await answer.arrayBuffer());
}

function sentOf({ scene }: ServeScene, path: string): number {
  return scene.served.sentBytes({ repo, path });
}

/** The content's first answers wait for each other, so that clients meet a file that is on its way. */
function until(promise: Promise<void>, fault: Fault = {}): Intercept {
  return ({ origin }) => (origin === "content" ? { until: promise, ...fault } : undefined);
}

it("fetches what it lacks once, for all who wait, and gives it as it comes", async () => {
  const served = await open();
  const gate = Promise.withResolvers<void>();
  served.scene.served.setIntercept(until(gate.promise));
  const expected = readBytes(served.scene.served.file(repo, "model.safetensors").source);
  const asking = [
    served.get(weights),
    served.get(weights),
    served.get(weights, { range: "bytes=3000000-4999999" }),
    served.get(weights, { range: `bytes=${sizeBytes - 10}-` }),
  ];
  gate.resolve();
  const [one, two, middle, end] = await Promise.all(
    asking.map(async (each) => bytesOf(await each)),
  );
  expect(one?.equals(expected)).toBe(true);
  expect(two?.equals(expected)).toBe(true);
  expect(middle?.equals(expected.subarray(3_000_000, 5_000_000))).toBe(true);
  expect(end?.equals(expected.subarray(sizeBytes - 10))).toBe(true);
  expect(sentOf(served, "model.safetensors")).toBe(sizeBytes);

  // From now on it is here.
  served.scene.served.forgetRequests();
  expect((await bytesOf(await served.get(weights))).equals(expected)).toBe(true);
  expect(served.scene.served.sentBytes()).toBe(0);
});

it("gives the beginning of a file before its end is there", async () => {
  const served = await open();
  const gate = Promise.withResolvers<void>();
  served.scene.served.setIntercept(({ origin, headers }) => {
    const isFirst = (headers.range ?? "bytes=0-").startsWith("bytes=0-");
    return origin === "content" && !isFirst ? { until: gate.promise } : undefined;
  });
  const answer = await served.get(weights);
  let bytes = 0;
  for await (const part of answer.body as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes < 100_000) continue;
    // What the first connection brings came through while the others were held.
    if (bytes < sizeBytes / 2) expect(served.fetched).toEqual([]);
    gate.resolve();
  }
  expect(bytes).toBe(sizeBytes);
});

it("lists what the Hub has, and gives a commit's files to programs of this machine together", async () => {
  const served = await open();
  const tree = (await (await served.get(`/api/models/${repo}/tree/main`)).json()) as unknown[];
  expect(tree).toHaveLength(2);
  const snapshots = join(served.scene.cacheDir, "models--demo--voice", "snapshots");
  await bytesOf(await served.get(`/${repo}/resolve/main/config.json`));
  await expect(readdir(snapshots)).rejects.toMatchObject({ code: "ENOENT" });
  await bytesOf(await served.get(weights));
  await served.close();
  const commit = served.scene.served.commit(repo);
  const names = await readdir(join(snapshots, commit));
  expect(names.toSorted()).toEqual(["config.json", "model.safetensors"]);
});

it("never lets a client have a complete file that is wrong", async () => {
  const served = await open();
  const file = served.scene.served.file(repo, "model.safetensors");
  const { blobName } = await file.identify();
  // Wrong each time, in the middle.
  const garbage = { start: 2_500_000, end: 2_500_100 };
  served.scene.served.setIntercept(({ origin }) =>
    origin === "content" ? { garbage } : undefined,
  );
  const ends = await Promise.all([
    bytesOf(await served.get(weights)).catch(() => "broken off"),
    bytesOf(await served.get(weights)).catch(() => "broken off"),
  ]);
  expect(ends).toEqual(["broken off", "broken off"]);

  // Once the Hub has the right ones, so has the client: it starts over, whatever it has.
  served.scene.served.setIntercept(undefined);
  const rest = await served.get(weights, { range: "bytes=3000000-" });
  expect(rest.status).toBe(200);
  const whole = await bytesOf(rest);
  expect(createHash("sha256").update(whole).digest("hex")).toBe(blobName);
});

it("says what the Hub says of a file that it can't have, and asks again later", async () => {
  const served = await open();
  const headers = { "X-Error-Code": "EntryNotFound" };
  served.scene.served.setIntercept(({ url }) =>
    url.includes("/resolve/") ? { answer: { status: 404, headers } } : undefined,
  );
  const failed = await served.get(weights);
  expect([failed.status, failed.headers.get("x-error-code")]).toEqual([404, "EntryNotFound"]);
  served.scene.served.setIntercept(undefined);
  expect((await bytesOf(await served.get(weights))).length).toBe(sizeBytes);
  expect((await served.get(`/${repo}/resolve/v2/config.json`)).status).toBe(404);
});

it("keeps what came when its clients leave, and goes on from there", async () => {
  const served = await open();
  served.scene.served.setIntercept(({ origin }) =>
    origin === "content" ? { stallAfterBytes: 100_000 } : undefined,
  );
  const leaving = new AbortController();
  const { signal } = leaving;
  const answer = await fetch(`${served.url}${weights}`, { signal });
  await answer.body?.getReader().read();
  leaving.abort();
  // The download ends with the grace for a client that comes back, which left nothing in the way.
  await expect.poll(() => served.scene.served.requests.length).toBeGreaterThan(0);
  served.scene.served.setIntercept(undefined);
  expect((await bytesOf(await served.get(weights))).length).toBe(sizeBytes);
  const sent = sentOf(served, "model.safetensors");
  expect(sent).toBeGreaterThanOrEqual(sizeBytes);
  // What stalled connections had on their way, a busy machine gets again.
  expect(sent).toBeLessThan(sizeBytes * 2);
});

it("uses this machine's token for clients with one of the server's alone", async () => {
  const served = await openServed(
    {
      tokens: { hf_owner: "ann" },
      repos: [{ ...repos[0], id: repo, access: "gated", files: repos[0]?.files ?? [] }],
    },
    { pull: [], missing: true, access: () => "gated" },
  );
  expect((await served.get(weights)).status).toBe(401);
  expect(served.scene.served.requests).toEqual([]);
  const answer = await served.get(weights, { authorization: `Bearer ${serverToken}` });
  expect((await bytesOf(answer)).length).toBe(sizeBytes);
  const tokens = new Set(served.scene.served.requests.map(({ headers }) => headers.authorization));
  expect(tokens).toEqual(new Set(["Bearer hf_owner", undefined]));
  expect([...answer.headers].flat().join(" ")).not.toContain("hf_owner");
});
