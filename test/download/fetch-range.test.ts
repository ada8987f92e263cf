import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { createTask } from "../../src/download/blob-task.ts";
import { createConnection } from "../../src/download/connection.ts";
import { fetchSmall } from "../../src/download/fetch-range.ts";
import { createDiskSpeed } from "../../src/download/bandwidth.ts";
import { createTransfer } from "../../src/download/transfer.ts";
import { usualTuning } from "../../src/download/tuning.ts";
import type { FileAddress, FileRequest, OpenedFile, Source } from "../../src/source/source.ts";
import { TransientError } from "../../src/source/retry-policy.ts";

const nowMs = 100_000;
const content = "hello";
const addressOf = (url: string): FileAddress => ({ url, reach: "public" });

function openedAt(address: FileAddress | null): OpenedFile {
  const headers = { "content-length": String(content.length) };
  const body = Readable.from([Buffer.from(content)]);
  return { response: { status: 200, headers, body, reach: "public" }, address };
}

/** One file of a source that answers so; the file's bytes came so long ago. */
function fetching(open: Source["open"], servedMs: number | null = null) {
  const asked: FileRequest[] = [];
  const task = createTask(
    {
      repo: "o/m",
      commit: "c",
      path: "config.json",
      blobName: "b",
      sizeBytes: content.length,
      hash: { algorithm: "git-sha1", hex: "b" },
      cached: false,
      held: [],
      neededBy: ["m"],
      priority: 1,
    },
    1000,
  );
  task.lastByteMs = servedMs === null ? null : nowMs - servedMs;
  task.outage.lastByteMs = nowMs;
  const transfer = createTransfer({
    allBytes: content.length,
    tuning: usualTuning,
    rateCap: null,
    maxConnections: 8,
    disk: createDiskSpeed(),
    nowMs: () => nowMs,
  });
  const source = {
    async open(request: FileRequest) {
      asked.push(request);
      return open(request);
    },
  } as Source;
  const fetch = () =>
    fetchSmall({ source, transfer, task, connection: createConnection(task, nowMs) });
  return { task, transfer, asked, fetch };
}

const stale = addressOf("https://cdn.test/stale");
const expired = new TransientError("expired", "403");

test("of two connections to an address that expired, the first alone asks the source for another", async () => {
  const { promise: late, resolve: answer } = Promise.withResolvers<void>();
  const fresh = addressOf("https://cdn.test/fresh");
  const { task, asked, fetch } = fetching(async ({ address }) => {
    if (address === stale) throw expired;
    if (address === null) await late;
    return openedAt(fresh);
  });
  task.located = { address: stale };
  const both = [fetch(), fetch()];
  // Both know by now that it expired.
  while (asked.filter(({ address }) => address === stale).length < 2) await Promise.resolve();
  while (!asked.some(({ address }) => address === null)) await Promise.resolve();
  answer();
  expect((await Promise.all(both)).map(String)).toEqual([content, content]);
  expect(asked.map(({ address }) => address)).toEqual([stale, stale, null, fresh]);
});

test.each([
  ["refused", 1000, nowMs + 60_000],
  ["refused", 5000, Number.NEGATIVE_INFINITY],
  ["network", 1000, Number.NEGATIVE_INFINITY],
] as const)(
  "a fresh address that ends in %s, of a file served %i ms ago, makes the server crowded until %d",
  async (kind, servedMs, untilMs) => {
    const { task, transfer, fetch } = fetching(async ({ address }) => {
      throw address === null ? new TransientError(kind, "no") : expired;
    }, servedMs);
    task.located = { address: stale };
    await expect(fetch()).rejects.toMatchObject({ kind });
    expect(transfer.crowdedUntilMs).toBe(untilMs);
  },
);

test("an address whose server is gone is forgotten, unless others were served from there just now", async () => {
  const gone = async (): Promise<never> => {
    throw new TransientError("network", "gone");
  };
  for (const servedMs of [null, 1000]) {
    const { task, fetch } = fetching(gone, servedMs);
    const located = { address: stale };
    task.located = located;
    await expect(fetch()).rejects.toThrow("gone");
    expect(task.located).toBe(servedMs === null ? null : located);
  }
});

test.each([
  [0, 0, 0],
  [2, 0, 0],
  [3, 0, 1],
  [6, 1, 3],
])(
  "after %i failures and %i wrong hashes, %i mirrors are passed over",
  async (attempts, hashTries, passOver) => {
    const { task, asked, fetch } = fetching(async () => openedAt(null));
    Object.assign(task, { attempts, hashTries });
    expect(String(await fetch())).toBe(content);
    expect(asked).toMatchObject([{ passOver }]);
  },
);
