import { herOs } from "../her-os.ts";
import { expect, test } from "vitest";
import type { HealthCheck } from "../../src/docker/inspect-containers.ts";
import type { OwnContainer } from "../../src/docker/watch-containers.ts";
import { goodChecksSince } from "../../src/health/evidence.ts";
import { annieServer, testHost } from "./fixtures.ts";
import { complete, online, stackOf, starting, watching } from "./watching.ts";

const details = { restarts: 0, outOfMemory: false, startedAtMs: 0, ports: [], checks: [] };
const page = "<html>nginx</html>";

/** Docker's check of her, which printed this. */
function checkAt(atMs: number, report: object | string, passed = true): HealthCheck {
  const output = typeof report === "string" ? report : JSON.stringify(report);
  return { startedAtMs: atMs, endedAtMs: atMs + 50, passed, output };
}

/** @param state of her container, as docker has it */
async function strangerAt(state: OwnContainer, status = 200) {
  const server = await annieServer(page, status);
  const host = testHost();
  const own = () => state;
  return { ...watching(server.url, { host, containers: stackOf({ own }) }), host };
}

test("something else that answers while Docker finds her healthy is told within 10 s, with her last lines", async () => {
  const checks = [checkAt(0, online)];
  const { watch, host } = await strangerAt({ state: "healthy", details: { ...details, checks } });
  const beganMs = host.clock.monotonicMs();
  await expect(watch.online).rejects.toMatchObject({
    code: "annie.unreachable",
    message: expect.stringMatching(
      /Something other than \{assistant\}[^]*her last words/,
    ) as string,
    hint: expect.stringContaining("ss -ltnp") as string,
  });
  expect(host.clock.monotonicMs() - beganMs).toBeLessThanOrEqual(10_000);
});

test.each([
  [
    "a page of her own while she starts",
    { state: "starting", details: { ...details, ports: [1] } },
    200,
  ],
  ["a proxy's error before she listens", { state: "healthy", details }, 502],
  ["a check that only says that it passed", { state: "healthy", details }, 200],
] as const)("%s is no stranger", async (_what, state, status) => {
  const { watch, host } = await strangerAt(state, status);
  // Its clock may be far ahead by the time that it is looked at.
  let failedAtMs = Number.POSITIVE_INFINITY;
  watch.online.catch(() => (failedAtMs = host.clock.monotonicMs()));
  await expect.poll(() => host.clock.monotonicMs(), { timeout: 60_000 }).toBeGreaterThan(50_000);
  expect(failedAtMs).toBeGreaterThan(50_000);
});

test("health that comes and goes is told as that once it did three times, and may still settle", async () => {
  const host = testHost();
  const flaps = () => {
    const nowMs = host.clock.monotonicMs();
    return nowMs > 60_000 || Math.floor(nowMs / 2000) % 2 === 0 ? complete : starting;
  };
  const server = await annieServer(flaps);
  const toldAtMs: number[] = [];
  const { watch, events } = watching(server.url, {
    host,
    containers: stackOf({
      lastLines: () => {
        toldAtMs.push(host.clock.monotonicMs());
        return Promise.resolve(["loading", "unloading"]);
      },
    }),
  });
  await watch.online;
  const notices = events.filter((event) => event.type === "notice");
  expect(notices).toMatchObject([
    {
      level: "warning",
      code: "annie.unsteady",
      message: expect.stringMatching(/failed again 3 times[^]*unloading/) as string,
      hint: expect.stringContaining("docker compose logs") as string,
    },
  ]);
  // Of two seconds each, the third time is over after twelve.
  expect(toldAtMs).toHaveLength(1);
  expect(toldAtMs[0]).toBeLessThan(22_000);
});

test.each([
  ["unhealthy", 10_000],
  ["degraded", 130_000],
])("%s, by her own word, is told once she had time to load", async (status, limitMs) => {
  const server = await annieServer({ status, capabilities: {} });
  const host = testHost();
  const { watch } = watching(server.url, { host, containers: stackOf() });
  // Without her models she may call herself what she likes.
  await expect.poll(() => host.clock.monotonicMs(), { timeout: 60_000 }).toBeGreaterThan(200_000);
  const readyMs = host.clock.monotonicMs();
  watch.requiredReady();
  await expect(watch.online).rejects.toMatchObject({
    code: "annie.degraded",
    exitCode: 3,
    message: expect.stringContaining("her last words") as string,
  });
  expect(host.clock.monotonicMs() - readyMs).toBeLessThanOrEqual(limitMs);
});

test("what Docker's checks heard of her before this run makes her steady at the first answer", async () => {
  const host = testHost();
  const nowMs = host.clock.now().getTime();
  const checks = [checkAt(nowMs - 9000, online), checkAt(nowMs - 4000, online)];
  const server = await annieServer(complete);
  const own = (): OwnContainer => ({ state: "healthy", details: { ...details, checks } });
  const { watch, waits } = watching(server.url, { host, containers: stackOf({ own }) });
  expect(await watch.online).toMatchObject({ elapsedMs: 0 });
  expect(waits).toEqual([]);
});

const good = (atMs: number) => checkAt(atMs, online);
test.each<[string, readonly HealthCheck[], number | null]>([
  ["good reports up to now", [good(80_000), good(90_000), good(97_000)], 80_000],
  ["a bad one before", [checkAt(80_000, starting), good(90_000)], 90_000],
  ["a bad one last", [good(90_000), checkAt(95_000, starting)], null],
  ["a failed one last", [good(90_000), checkAt(95_000, online, false)], null],
  ["one without her report", [checkAt(95_000, "")], null],
  ["nothing for long", [good(70_000), good(80_000)], null],
  ["a gap", [good(60_000), good(90_000)], 90_000],
  ["none", [], null],
  ["one from the future", [good(200_000)], null],
])("of Docker's checks, %s", (_what, checks, expected) => {
  const { health: contract } = herOs.stack;
  const asked = { contract, required: ["memory_search"], nowMs: 100_000 };
  expect(goodChecksSince(checks, asked)).toBe(expected);
});
