import { expect, test } from "vitest";
import type { Fault } from "../../src/demo/hub/exchange.ts";
import { model, openScene } from "./scene.ts";

const repo = "org/model";
const sizeBytes = 3_000_000;

type Answer = NonNullable<Fault["answer"]>;

/** What is asked within this time of a refusal was on its way already. */
const underWayMs = 1000;

/** Pulls one file of which the third range is answered so. Times are by the host's clock. */
async function pullAsked(answer: () => Answer, maxConnections = 4) {
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes }] }],
    throttle: { bytesPerSecondPerConnection: 2_000_000 },
  });
  const askedMs: number[] = [];
  let refusedMs = Number.POSITIVE_INFINITY;
  scene.served.setIntercept(({ origin }) => {
    if (origin !== "content") return undefined;
    const nowMs = scene.host.clock.monotonicMs();
    askedMs.push(nowMs);
    // Where nothing came yet, it would be the whole server's.
    const comes = scene.served.sentBytes() > 0;
    if (askedMs.length < 3 || !comes || refusedMs < Number.POSITIVE_INFINITY) return undefined;
    refusedMs = nowMs;
    return { answer: answer() };
  });
  await scene.pull([model("m", repo)], { maxConnections });
  const next = askedMs.find((atMs) => atMs > refusedMs + underWayMs) ?? 0;
  return {
    retries: scene.of("download.retrying"),
    /** Between the refusal and the next request. */
    pauseMs: next - refusedMs,
    askedMeanwhile: askedMs.filter((atMs) => atMs > refusedMs && atMs < refusedMs + 60_000).length,
    fetchedBytes: scene.of("download.finished")[0]?.fetchedBytes,
  };
}

const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toUTCString();
const asking: [string, (seconds: number) => Record<string, string>][] = [
  ["Retry-After in seconds", (seconds) => ({ "Retry-After": String(seconds) })],
  ["Retry-After as a date", (seconds) => ({ "Retry-After": inSeconds(seconds) })],
  ["RateLimit", (seconds) => ({ RateLimit: `"cdn";r=0;t=${seconds - 1}` })],
];
const toSeconds = ({ delayMs }: { delayMs: number }): number => Math.round(delayMs / 1000);

test.each(asking)("a 503 with %s pauses its connection alone", async (_, headers) => {
  const answer = () => ({ status: 503, headers: headers(60) });
  const { retries, askedMeanwhile, fetchedBytes } = await pullAsked(answer);
  expect(retries.map(toSeconds)).toEqual([60]);
  expect(retries[0]?.scope).toBe("lane");
  // The others went on, and brought its piece too.
  expect(askedMeanwhile).toBeGreaterThan(2);
  expect(fetchedBytes).toBe(sizeBytes);
});

test.each(asking)("a 429 with %s pauses all connections, to the second", async (_, headers) => {
  const { retries, pauseMs } = await pullAsked(() => ({ status: 429, headers: headers(4) }));
  expect(retries.map(toSeconds)).toEqual([4]);
  expect(retries[0]?.scope).toBe("all");
  expect(pauseMs).toBeGreaterThanOrEqual(3900);
});

test("where there is only one connection, a 503 pauses it for as long as it says", async () => {
  const { retries, pauseMs } = await pullAsked(
    () => ({ status: 503, headers: { "Retry-After": "4" } }),
    1,
  );
  expect(pauseMs).toBeGreaterThanOrEqual(3900);
  expect(retries[0]?.scope).toBe("file");
});

test("a wait that is too long is waited for once, not by each file anew", async () => {
  const failAfterMs = 3000;
  await using scene = await openScene({
    repos: ["org/one", "org/two"].map((id) => ({
      id,
      files: [{ path: "model.safetensors", sizeBytes }],
    })),
    throttle: { bytesPerSecondPerConnection: 2_000_000 },
  });
  let asked = 0;
  scene.served.setIntercept(({ origin }) => {
    if (origin !== "content" || (asked += 1) < 3) return undefined;
    return { answer: { status: 429, headers: { "Retry-After": "86400" } } };
  });
  const pulled = scene.pull([model("one", "org/one"), model("two", "org/two")], {
    maxConnections: 2,
    tuning: { failAfterMs },
  });
  await expect(pulled).rejects.toMatchObject({ code: "hub.rate_limited", exitCode: 5 });
  const waitedMs = scene.of("download.retrying").map(({ delayMs }) => delayMs);
  expect(waitedMs.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(failAfterMs * 1.5);
});
