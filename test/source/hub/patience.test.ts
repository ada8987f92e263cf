import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Fault, Intercept } from "../../../src/demo/hub/exchange.ts";
import type { Attempt } from "../../../src/source/retry-policy.ts";
import { connectHub, type Hub } from "../../../src/source/hub/hub.ts";
import type { Clock } from "../../../src/host/host.ts";
import { model, openScene, quickHost } from "../../download/scene.ts";

const repo = "org/model";
const files = [{ path: "config.json", content: "{}" }];
const { signal } = new AbortController();
const minutes = 60_000;
interface Outage {
  /** Of the Hub, from the first question on, by the host's clock. */
  readonly forMs: number;
  readonly fault?: Fault;
  /** Instead of an answer: what the network itself says. */
  readonly code?: string;
}

/** A Hub that fails for a while, and what was told of it. */
async function openOutage({ forMs, fault, code }: Outage) {
  const real = quickHost();
  let nowMs = 0;
  /** Waits take no time: the clock is put forward. */
  const clock: Clock = {
    monotonicMs: () => nowMs,
    now: () => new Date(Date.now() + nowMs),
    async sleep(ms, stop) {
      await setImmediate();
      stop?.throwIfAborted();
      nowMs += ms;
    },
  };
  const host = { ...real, clock };
  const isOver = (): boolean => nowMs >= forMs;
  const intercept: Intercept = () => (isOver() ? undefined : fault);
  const scene = await openScene({ repos: [{ id: repo, files }], intercept });
  const asked: number[] = [];
  const told: Attempt[] = [];
  const failing = {
    ...host,
    network: {
      ...host.network,
      request: async (request: Parameters<typeof host.network.request>[0]) => {
        asked.push(nowMs);
        if (code === "ETIMEDOUT") nowMs += 10_000;
        if (code !== undefined && !isOver()) throw Object.assign(new Error(code), { code });
        return host.network.request(request);
      },
    },
  };
  const hub = scene.hub({ host: failing, onRetry: (attempt) => void told.push(attempt) });
  return {
    hub,
    scene,
    told,
    asked,
    spentMs: () => nowMs,
    async [Symbol.asyncDispose]() {
      host.network.close();
      await scene[Symbol.asyncDispose]();
    },
  };
}

const calls: [string, (hub: Hub, commit: string) => Promise<unknown>][] = [
  ["the list of files", (hub) => hub.list(repo, "main", signal)],
  [
    "whether the files can be had",
    (hub, commit) => hub.requireAccess(repo, commit, "config.json", signal),
  ],
];
const outages: [string, Omit<Outage, "forMs">][] = [
  ["is down", { code: "ECONNREFUSED" }],
  ["has a name that nobody knows", { code: "EAI_AGAIN" }],
  ["is silent", { code: "ETIMEDOUT" }],
  ["answers 503", { fault: { answer: { status: 503 } } }],
  ["answers 429 without a time", { fault: { answer: { status: 429 } } }],
  ["asks for a while", { fault: { answer: { status: 503, headers: { "Retry-After": "20" } } } }],
];

test.each(calls.flatMap(([what, call]) => outages.map(([why, how]) => ({ what, call, why, how }))))(
  "a Hub that $why is waited for, before it says $what",
  async ({ call, how }) => {
    await using outage = await openOutage({ ...how, forMs: 3 * minutes });
    await call(outage.hub, outage.scene.served.commit(repo));
    expect(outage.told.length).toBeGreaterThan(3);
    for (const { delayMs, tookMs, leftMs } of outage.told) {
      expect(delayMs).toBeLessThanOrEqual(30_000);
      // Silence is a wait of its own.
      expect(tookMs).toBeGreaterThanOrEqual(how.code === "ETIMEDOUT" ? 10_000 : 0);
      for (const ms of [delayMs, tookMs, leftMs]) expect(Number.isInteger(ms)).toBe(true);
    }
    expect(outage.told[0]?.leftMs).toBeGreaterThan(9 * minutes);
    expect(outage.told.at(-1)?.leftMs).toBeLessThan(8 * minutes);
  },
);

const endings: [string, Omit<Outage, "forMs">, string][] = [
  ["is down", { code: "ECONNREFUSED" }, "hub.unreachable"],
  ["answers 503", { fault: { answer: { status: 503 } } }, "hub.server_error"],
  ["answers 429", { fault: { answer: { status: 429 } } }, "hub.rate_limited"],
  ...["86400", "9999999", "9".repeat(400)].map((seconds): (typeof endings)[number] => [
    `asks for ${seconds.slice(0, 9)} s`,
    { fault: { answer: { status: 429, headers: { "Retry-After": seconds } } } },
    "hub.rate_limited",
  ]),
  [
    "asks for a day with 503",
    { fault: { answer: { status: 503, headers: { "Retry-After": "86400" } } } },
    "hub.rate_limited",
  ],
];

test.each(endings)("a Hub that %s is given up after ten minutes", async (_, how, code) => {
  await using outage = await openOutage({ ...how, forMs: Number.POSITIVE_INFINITY });
  await expect(outage.hub.list(repo, "main", signal)).rejects.toMatchObject({ code, exitCode: 5 });
  const waitedMs = outage.told.reduce((sum, { delayMs }) => sum + delayMs, 0);
  expect(waitedMs).toBeLessThanOrEqual(10 * minutes);
  expect(outage.spentMs()).toBeGreaterThan(9 * minutes);
});

test("who a token is from is asked for ten seconds: a person waits for the answer", async () => {
  await using outage = await openOutage({
    code: "ECONNREFUSED",
    forMs: Number.POSITIVE_INFINITY,
  });
  await expect(outage.hub.whoAmI(signal)).rejects.toMatchObject({ code: "hub.unreachable" });
  const [first] = outage.told;
  expect((first?.leftMs ?? 0) + (first?.tookMs ?? 0)).toBe(10_000);
});

test("a wait that is too long says when it is over", async () => {
  const answer = { status: 429, headers: { "Retry-After": "86400" } };
  await using outage = await openOutage({
    fault: { answer },
    forMs: Number.POSITIVE_INFINITY,
  });
  const tomorrow = new Date(Date.now() + 24 * 60 * minutes);
  await expect(outage.hub.list(repo, "main", signal)).rejects.toMatchObject({
    message: expect.stringContaining(`${tomorrow.getFullYear()}-`) as string,
  });
  expect(outage.told).toMatchObject([{ attempt: 1 }]);
});

test("what a person must put right is said at once", async () => {
  await using outage = await openOutage({ forMs: 0 });
  await expect(outage.hub.list("org/nothing", "main", signal)).rejects.toMatchObject({
    code: "hub.repo_not_found",
    exitCode: 2,
  });
  expect(outage.told).toEqual([]);
});

test("a wait ends when the person stops it", async () => {
  await using outage = await openOutage({
    code: "ECONNREFUSED",
    forMs: Number.POSITIVE_INFINITY,
  });
  const stop = new AbortController();
  const listing = outage.hub.list(repo, "main", stop.signal);
  const waiting = outage.hub.list(repo, "other", stop.signal);
  stop.abort();
  await expect(listing).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
  await expect(waiting).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
});

test("many questions at once are one probe", async () => {
  await using outage = await openOutage({ code: "EAI_AGAIN", forMs: 2 * minutes });
  const one = () => outage.hub.list(repo, "main", signal);
  await Promise.all(Array.from({ length: 8 }, one));
  const late = outage.asked.filter((atMs) => atMs > 0.5 * minutes && atMs < 2 * minutes);
  // One counts its attempts, and the others wait for it.
  expect(outage.told.map(({ attempt }) => attempt)).toEqual(outage.told.map((_, at) => at + 1));
  // Each probe asks twice, every few seconds.
  expect(late.length).toBeLessThan(2 * 45);
  expect(outage.told.length).toBeLessThan(60);
});

test("nothing goes on in the background once a survey has failed", async () => {
  await using outage = await openOutage({ forMs: 0 });
  const { scene } = outage;
  scene.served.setIntercept(({ url }) =>
    url.includes("org/model") ? { answer: { status: 503 } } : undefined,
  );
  const models = [model("m", repo), model("n", "org/nothing")];
  await expect(scene.survey(models, outage.hub)).rejects.toMatchObject({
    code: "hub.repo_not_found",
  });
  const told = outage.told.length;
  const asked = outage.asked.length;
  for (let turn = 0; turn < 100; turn += 1) await setImmediate();
  expect(outage.told).toHaveLength(told);
  expect(outage.asked.length).toBeLessThanOrEqual(asked + 1);
});

test("a first mirror that says nothing costs three seconds", async () => {
  await using silent = await openScene({
    repos: [{ id: repo, files }],
    intercept: () => ({ delayMs: 20_000 }),
  });
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const asleep: number[] = [];
  const { clock } = scene.host;
  const host = {
    ...scene.host,
    clock: {
      ...clock,
      sleep: (ms: number, stop?: AbortSignal) => {
        asleep.push(ms);
        return clock.sleep(ms, stop);
      },
    },
  };
  const hub = connectHub({
    host,
    endpoint: silent.served.endpoint,
    mirrors: [scene.served.endpoint],
    token: null,
  });
  const listing = await hub.list(repo, "main", signal);
  expect(listing.files).toHaveLength(1);
  await hub.requireAccess(repo, listing.commit, "config.json", signal);
  // It is asked last from now on.
  expect(asleep.filter((ms) => ms >= 3000)).toEqual([3000, 3000]);
  expect(silent.served.requests).toHaveLength(1);
});
