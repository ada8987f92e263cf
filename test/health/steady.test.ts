import { expect, test } from "vitest";
import { annieServer, testHost } from "./fixtures.ts";
import { complete, starting, type TestHost, watching } from "./watching.ts";

/** Well for two seconds, not well for two, and so on, as the test's clock has it. */
function flapping(host: TestHost, until: number): () => unknown {
  return () => {
    const nowMs = host.clock.monotonicMs();
    return nowMs > until || Math.floor(nowMs / 2000) % 2 === 0 ? complete : starting;
  };
}

test("health that comes and goes is not online until it stays", async () => {
  const host = testHost();
  const server = await annieServer(flapping(host, 60_000));
  const { watch, events } = watching(server.url, { host });
  watch.requiredReady();
  await watch.online;
  const [told] = events.filter((event) => event.type === "annie.online");
  expect(told?.elapsedMs).toBeGreaterThan(56_000);
});

test("health that never stays is told as what it is when time is up, online or not", async () => {
  const host = testHost();
  const server = await annieServer(flapping(host, Number.POSITIVE_INFINITY));
  const { watch } = watching(server.url, { host, onlineTimeoutMs: 20_000 });
  watch.requiredReady();
  await expect(watch.online).rejects.toMatchObject({ code: "annie.unsteady", exitCode: 3 });

  const later = testHost();
  const flaps = flapping(later, Number.POSITIVE_INFINITY);
  const second = await annieServer(() => (later.clock.monotonicMs() < 10_000 ? complete : flaps()));
  const begun = watching(second.url, { host: later, laterTimeoutMs: 20_000 });
  await begun.watch.online;
  await expect.poll(() => later.clock.monotonicMs(), { timeout: 240_000 }).toBeGreaterThan(20_000);
  begun.watch.allReady();
  await expect(begun.watch.complete).rejects.toMatchObject({ code: "annie.unsteady", exitCode: 3 });
});
