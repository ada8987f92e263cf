import { Agent, request } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";

const path = "/demo/a/resolve/main/a.txt";
const small = "/demo/a/resolve/main/b.txt";
const sizeBytes = 300_000;
let hub: EmbeddedHub;

beforeEach(async () => {
  hub = await startHub({
    repos: [
      {
        id: "demo/a",
        files: [
          { path: "a.txt", sizeBytes, lfs: false },
          { path: "b.txt", sizeBytes: 1, lfs: false },
        ],
      },
    ],
  });
});

afterEach(() => hub.close());

function fetchAll(agent?: Agent, file = path): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(hub.endpoint + file, { agent: agent ?? false }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.on("end", () => resolve(bytes));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}

// Only the least time is checked: a busy machine may take as long as it likes.
test("all connections together stay at the speed that was set", async () => {
  hub.setThrottle({ bytesPerSecond: 1_500_000 });

  // 600 kB at 1.5 MB/s are 400 ms.
  expect(await elapsedMs(() => Promise.all([fetchAll(), fetchAll()]))).toBeGreaterThan(300);
});

test("a limit for each connection outlives its requests", async () => {
  hub.setThrottle({ bytesPerSecondPerConnection: 1_500_000 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  const ms = await elapsedMs(() => Promise.all([fetchAll(agent), fetchAll(agent)]));

  expect(ms).toBeGreaterThan(300);
  agent.destroy();
});

test("a limit for each connection does not hold others up", async () => {
  // The large file would take five minutes on each.
  hub.setThrottle({ bytesPerSecondPerConnection: 1000 });
  let isUnderWay = true;
  const large = fetchAll().finally(() => (isUnderWay = false));
  large.catch(() => {});

  expect(await fetchAll(undefined, small)).toBe(1);
  expect(isUnderWay).toBe(true);
});

test("latency is waited before each answer", async () => {
  hub.setThrottle({ latencyMs: 100 });

  expect(await elapsedMs(() => fetchAll())).toBeGreaterThan(95);
});

test("closes at once, whatever is under way", async () => {
  // Five minutes are left of it.
  hub.setThrottle({ bytesPerSecond: 1000 });
  const answer = await fetch(hub.endpoint + path);
  const ended = answer.arrayBuffer().then(
    () => "whole",
    () => "cut",
  );

  expect(await elapsedMs(() => hub.close())).toBeLessThan(60_000);
  expect(await ended).toBe("cut");
});
