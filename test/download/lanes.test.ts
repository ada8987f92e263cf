import { expect, test } from "vitest";
import type { Throttle } from "../../src/demo/hub/throttle.ts";
import type { Intercept, RecordedRequest } from "../../src/demo/hub/faults.ts";
import { realClock } from "../../src/host/real-host.ts";
import { model, openScene, type Scene } from "./scene.ts";

const repo = "o/m";

/** A pull by the real clock, in which the number of lanes is found out; the most that were seen at once, and the last. */
async function pullOver(
  sizeBytes: number,
  throttle: Throttle,
  { intercept, maxLanes = 32 }: { intercept?: (scene: Scene) => Intercept; maxLanes?: number } = {},
) {
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes }] }],
    throttle,
  });
  scene.served.setIntercept(intercept?.(scene));
  const host = { ...scene.host, clock: realClock };
  await scene.pull([model("m", repo)], {
    host,
    hub: scene.hub({ host }),
    maxLanes,
    tuning: { progressMs: 50 },
  });
  expect(scene.of("file.verified")).toHaveLength(1);
  const lanes = scene.of("download.progress").map((progress) => progress.lanes);
  return { most: Math.max(...lanes), lanes, retries: scene.of("download.retrying").length };
}

const megabyte = 1_000_000;

test("where each connection is capped, many are used within two seconds", async () => {
  const { most } = await pullOver(16 * megabyte, { bytesPerSecondPerConnection: megabyte });
  expect(most).toBeGreaterThanOrEqual(16);
});

test("the same with 30 ms of latency, and never more than --max-lanes", async () => {
  const throttle = { bytesPerSecondPerConnection: megabyte, latencyMs: 30 };
  const { most } = await pullOver(12 * megabyte, throttle, { maxLanes: 10 });
  expect(most).toBe(10);
});

test("where the link is full, few lanes stay", async () => {
  const { lanes, most } = await pullOver(12 * megabyte, { bytesPerSecond: 8 * megabyte });
  expect(most).toBeLessThanOrEqual(8);
  const late = lanes.slice(Math.floor(lanes.length * 0.7), -1);
  expect(late.filter((count) => count > 4).length).toBeLessThanOrEqual(late.length / 2);
});

/** Content that is still on its way. */
function underWay({ range, status, sentBytes }: RecordedRequest): boolean {
  return status === 206 && range !== null && sentBytes < range.end - range.start;
}

test("a server that refuses all but three connections gets few, and the file comes", async () => {
  const refuse =
    ({ served }: Scene): Intercept =>
    ({ origin }) =>
      origin === "content" && served.requests.filter(underWay).length >= 3
        ? { answer: { status: 403 } }
        : undefined;
  const throttle = { bytesPerSecondPerConnection: 2 * megabyte };
  const { lanes, retries } = await pullOver(5 * megabyte, throttle, { intercept: refuse });
  expect(retries).toBeGreaterThan(0);
  const late = lanes.slice(Math.floor(lanes.length * 0.7));
  expect(Math.max(...late)).toBeLessThanOrEqual(3);
});
