import { expect, test } from "vitest";
import type { Fault } from "../../src/demo/hub/exchange.ts";
import { model, openScene, quickHost } from "./scene.ts";

const repo = "o/m";
const sizeBytes = 5_000_000;
/** The host's clock runs so much faster. */
const haste = 20;

type Strange = [string, NonNullable<Fault["answer"]>];
const strange: Strange[] = [
  ["a login page", { status: 200, headers: { "Content-Type": "text/html" }, body: "<p>Log in" }],
  [
    "a page that is packed",
    {
      status: 200,
      headers: { "Content-Type": "text/html", "Content-Encoding": "gzip" },
      body: "x",
    },
  ],
  ["a text", { status: 200, headers: { "Content-Type": "text/plain" }, body: "sorry" }],
  ["404", { status: 404 }],
  ["401", { status: 401 }],
  ["403", { status: 403 }],
  ["a redirect to a login page", { status: 302, headers: { Location: "http://login.example/" } }],
  ["a redirect to itself", { status: 302, headers: { Location: "?again" } }],
];

/** A pull in which all of it answers so for a while, from the third range on. */
async function pullThrough(answer: Fault["answer"] & object, forMs: number) {
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes }] }],
  });
  const host = quickHost(haste);
  let asked = 0;
  let sinceMs: number | null = null;
  scene.served.setIntercept(({ origin }) => {
    const nowMs = host.clock.monotonicMs();
    if (origin === "content" && (asked += 1) === 3) sinceMs = nowMs;
    return sinceMs !== null && nowMs < sinceMs + forMs ? { answer } : undefined;
  });
  await scene.pull([model("m", repo)], {
    host,
    hub: scene.hub({ host }),
    tuning: { tickMs: 100, idleMs: 10_000 },
  });
  host.network.close();
  return scene;
}

test.concurrent.each(strange)(
  "%s for twenty seconds in the middle is weather",
  async (_, answer) => {
    const scene = await pullThrough(answer, 20_000);
    expect(scene.of("model.ready")).toHaveLength(1);
    expect(scene.of("download.finished")[0]?.fetchedBytes).toBe(sizeBytes);
  },
);

test("a program that was stopped for an hour finds its connections as they were", async () => {
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes }] }],
    throttle: { bytesPerSecond: 10_000_000 },
  });
  const host = quickHost(1);
  const { clock } = host;
  let stoppedMs = 0;
  let isHalf = false;
  const stopped = {
    ...host,
    clock: {
      ...clock,
      monotonicMs: () => clock.monotonicMs() + stoppedMs,
      async sleep(ms: number, signal?: AbortSignal) {
        await clock.sleep(ms, signal);
        // Its timers run first after such a stop, before the bytes that came meanwhile.
        if (isHalf) stoppedMs = 3_600_000;
      },
    },
  };
  const left: number[] = [];
  await scene.pull([model("m", repo)], {
    host: stopped,
    hub: scene.hub({ host: stopped }),
    tuning: { tickMs: 25, progressMs: 25, idleMs: 10_000 },
    onEvent: (event) => {
      if (event.type !== "download.progress") return;
      isHalf = event.receivedBytes > sizeBytes / 2;
      if (event.etaSeconds !== null) left.push(event.etaSeconds);
    },
  });
  expect(scene.of("download.retrying")).toEqual([]);
  expect(scene.of("download.finished")[0]?.fetchedBytes).toBe(sizeBytes);
  expect(Math.max(0, ...left)).toBeLessThan(60);
});

const firstBytes: [string, Fault][] = [
  ["of the file", { ignoreRange: true, cutAfterBytes: 1000 }],
  ["of each range", { cutAfterBytes: 1000 }],
];

test.concurrent.each(firstBytes)(
  "a server that sends the first thousand bytes %s again and again is asked less and less, and given up",
  async (_, fault) => {
    await using scene = await openScene({
      repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes }] }],
    });
    scene.served.setIntercept(({ origin }) => (origin === "content" ? fault : undefined));
    const seconds = 20;
    await expect(
      scene.pull([model("m", repo)], { tuning: { failAfterMs: seconds * 1000 } }),
    ).rejects.toMatchObject({ code: "hub.unreachable", exitCode: 5 });
    const asked = scene.served.requests.filter(({ origin }) => origin === "content");
    expect(asked.length).toBeLessThan(2 * seconds);
  },
);
