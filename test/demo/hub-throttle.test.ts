import { Agent, request } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";

const path = "/demo/a/resolve/main/a.txt";
const sizeBytes = 300_000;
let hub: EmbeddedHub;

beforeEach(async () => {
  hub = await startHub({
    repos: [{ id: "demo/a", files: [{ path: "a.txt", sizeBytes, lfs: false }] }],
  });
});

afterEach(() => hub.close());

// Wall-clock time on a busy machine: only these may be tried again.
const coarse = { retry: 2 };

function fetchAll(agent?: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(hub.endpoint + path, { agent: agent ?? false }, (response) => {
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

test("all connections together stay at the speed that was set", coarse, async () => {
  hub.setThrottle({ bytesPerSecond: 1_500_000 });

  const ms = await elapsedMs(() => Promise.all([fetchAll(), fetchAll()]));

  // 600 kB at 1.5 MB/s are 400 ms.
  expect(ms).toBeGreaterThan(300);
  expect(ms).toBeLessThan(1200);
});

test(
  "a limit for each connection does not hold others up, and outlives its requests",
  coarse,
  async () => {
    hub.setThrottle({ bytesPerSecondPerConnection: 1_500_000 });

    const three = await elapsedMs(() => Promise.all([fetchAll(), fetchAll(), fetchAll()]));
    expect(three).toBeGreaterThan(120);
    expect(three).toBeLessThan(550);

    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const inTurn = await elapsedMs(() => Promise.all([fetchAll(agent), fetchAll(agent)]));
    expect(inTurn).toBeGreaterThan(300);
    agent.destroy();
  },
);

test("latency is waited before each answer, side by side", coarse, async () => {
  hub.setThrottle({ latencyMs: 100 });

  const ms = await elapsedMs(() => Promise.all([fetchAll(), fetchAll(), fetchAll()]));

  expect(ms).toBeGreaterThan(95);
  expect(ms).toBeLessThan(290);
});

test("closes at once, whatever is under way", coarse, async () => {
  hub.setThrottle({ bytesPerSecond: 1000 });
  const answer = await fetch(hub.endpoint + path);
  const ended = answer.arrayBuffer().then(
    () => "whole",
    () => "cut",
  );

  expect(await elapsedMs(() => hub.close())).toBeLessThan(500);
  expect(await ended).toBe("cut");
});
