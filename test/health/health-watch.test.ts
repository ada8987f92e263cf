import { expect, test } from "vitest";
import { exitCodes, Failure } from "../../src/run/failure.ts";
import { annieServer, testHost } from "./fixtures.ts";
import { complete, online, stackOf, starting, watching } from "./watching.ts";

test("each change is told once, in order, and both promises are kept", async () => {
  const answers = [starting, starting, online, online, complete];
  const server = await annieServer((count: number) => answers[Math.min(count, answers.length) - 1]);
  const { watch, events } = watching(server.url);

  expect(await watch.online).toMatchObject({ health: { status: "healthy" }, elapsedMs: 2000 });
  watch.allReady();
  expect(await watch.complete).toMatchObject({ missing: [] });
  expect(events).toEqual([
    {
      type: "annie.health",
      status: "starting",
      capabilities: { memory_search: false },
      models: {},
    },
    { type: "annie.health", ...online, models: {} },
    {
      type: "capability.ready",
      name: "memory_search",
      message: "Annie can now search her memory.",
    },
    { type: "annie.health", ...complete, models: {} },
    { type: "capability.ready", name: "voice_stt", message: "Annie can now understand speech." },
    // Steady for three seconds; the first of these answers counts.
    { type: "annie.online", elapsedMs: 2000, url: new URL(server.url).origin },
  ]);
});

test("containers are watched to the end: one that fails after she is online ends the watch", async () => {
  const broken = new Failure({
    code: "docker.daemon_down",
    message: "",
    hint: "",
    exitCode: exitCodes.machine,
  });
  const server = await annieServer(complete);
  const host = testHost();
  const { watch } = watching(server.url, {
    host,
    containers: stackOf({
      check: () => Promise.resolve(host.clock.monotonicMs() > 60_000 ? broken : null),
    }),
  });
  await watch.online;
  await expect(watch.complete).rejects.toBe(broken);
});

test("nothing is complete before every model is there, whatever she can do already", async () => {
  const server = await annieServer(complete);
  const host = testHost();
  const { watch } = watching(server.url, { host });
  let done = false;
  void watch.complete.then(() => (done = true));
  await expect.poll(() => host.clock.monotonicMs(), { timeout: 240_000 }).toBeGreaterThan(100_000);
  expect(done).toBe(false);
  watch.allReady();
  await watch.complete;
});

test("healthy alone is not online: tier 1's capabilities must be there", async () => {
  const half = { status: "healthy", capabilities: { memory_search: false } };
  const server = await annieServer((count: number) => (count < 4 ? half : online));
  const { watch, events } = watching(server.url);
  await watch.online;
  expect(events).toContainEqual(expect.objectContaining({ type: "annie.online", elapsedMs: 3000 }));
});

test("capabilities without healthy are not online either", async () => {
  const degraded = { status: "degraded", capabilities: { memory_search: true } };
  const server = await annieServer((count: number) => (count < 4 ? degraded : online));
  const { watch, events } = watching(server.url);
  await watch.online;
  expect(events).toContainEqual(expect.objectContaining({ type: "annie.online", elapsedMs: 3000 }));
});

test("an ability that nobody foresaw is told in words too", async () => {
  const server = await annieServer({
    ...complete,
    capabilities: { ...complete.capabilities, night_vision: true },
  });
  const { watch, events } = watching(server.url);
  watch.allReady();
  await watch.complete;
  expect(events).toContainEqual({
    type: "capability.ready",
    name: "night_vision",
    message: "Annie has a new ability: night vision.",
  });
});

test("she may take as long as her models do; time runs only from then on", async () => {
  const server = await annieServer(starting);
  const { watch, waits } = watching(server.url, { onlineTimeoutMs: 60_000 });
  const waitedMs = () => waits.reduce((sum, ms) => sum + ms, 0);
  await expect.poll(waitedMs, { timeout: 240_000 }).toBeGreaterThan(600_000);
  const before = waitedMs();
  watch.requiredReady();
  await expect(watch.online).rejects.toMatchObject({ code: "annie.still_starting", exitCode: 1 });
  expect(waitedMs() - before).toBeLessThan(70_000);
});

test("she is asked every second at first, and every three when it takes long", async () => {
  const server = await annieServer((count: number) => (count < 90 ? starting : complete));
  const { watch, waits } = watching(server.url);
  await watch.online;
  expect(waits.slice(0, 5)).toEqual([1000, 1000, 1000, 1000, 1000]);
  // Once she is well, more often for the three seconds in which it must stay so.
  const steady = waits.findIndex((ms) => ms === 500);
  expect(waits[steady - 1]).toBe(3000);
  const before = waits.slice(0, steady);
  expect(before).toEqual(before.toSorted((left, right) => left - right));
});

test.each([
  [
    { status: "degraded", capabilities: {} },
    "annie.degraded",
    exitCodes.degraded,
    /without memory search/,
  ],
  [
    { status: "healthy", capabilities: {} },
    "annie.degraded",
    exitCodes.degraded,
    /without memory search/,
  ],
  ["<html>", "annie.unreachable", exitCodes.failed, /Something other than \{assistant\}/],
])("when time is up, %j is %s", async (answer, code, exitCode, message) => {
  const server = await annieServer(answer);
  const { watch } = watching(server.url, { onlineTimeoutMs: 10_000 });
  watch.requiredReady();
  const expected = { code, exitCode, message: expect.stringMatching(message) as string };
  await expect(watch.online).rejects.toMatchObject(expected);
  await expect(watch.complete).rejects.toMatchObject(expected);
});

test("nobody at all is unreachable when time is up", async () => {
  const server = await annieServer({});
  await server.close();
  const { watch, events } = watching(server.url, { onlineTimeoutMs: 10_000 });
  watch.requiredReady();
  await expect(watch.online).rejects.toMatchObject({
    code: "annie.unreachable",
    exitCode: 1,
    // Works in whatever folder it is typed.
    hint: expect.stringContaining("cd '/home/ann/my annie' && docker compose logs") as unknown,
  });
  expect(events).toEqual([
    { type: "annie.health", status: "unreachable", capabilities: {}, models: {} },
  ]);
});

test("a container that does not run is told within seconds, long before time is up", async () => {
  const server = await annieServer({});
  await server.close();
  const broken = new Failure({
    code: "annie.container_failed",
    message: "",
    hint: "",
    exitCode: exitCodes.failed,
  });
  let looks = 0;
  const { watch, waits } = watching(server.url, {
    containers: stackOf({
      check: () => {
        looks += 1;
        return Promise.resolve(looks < 2 ? null : broken);
      },
    }),
  });
  await expect(watch.online).rejects.toBe(broken);
  expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(5000);
});

test("the rest of her abilities may stay away: when time is up it is said which", async () => {
  const server = await annieServer(online);
  const { watch } = watching(server.url, { laterTimeoutMs: 10_000 });
  await watch.online;
  watch.allReady();
  expect(await watch.complete).toMatchObject({ missing: ["voice_stt"] });
});

test("stopping, and interrupting, reject what is still open", async () => {
  const server = await annieServer(starting);
  const stop = new AbortController();
  const stopped = watching(server.url);
  const interrupted = watching(server.url, { signal: stop.signal });
  stopped.watch.stop();
  stop.abort();
  for (const { watch } of [stopped, interrupted]) {
    await expect(watch.online).rejects.toMatchObject({ name: "AbortError" });
    await expect(watch.complete).rejects.toMatchObject({ name: "AbortError" });
  }
});
