import { expect, it } from "vitest";
import type { Clock } from "../../../src/host/host.ts";
import { realClock } from "../../../src/host/real-host.ts";
import { targetOf } from "../../../src/serve/watch/route.ts";
import { openWatched } from "./watched.ts";

/** A clock of which each half second is over at once, as soon as what happens meanwhile has happened. */
function quickClock(): Clock & { step(): Promise<void> } {
  let nowMs = 0;
  let waiting: (() => void) | null = null;
  return {
    ...realClock,
    monotonicMs: () => nowMs,
    sleep: (ms) =>
      new Promise((resolve) => {
        waiting = () => {
          nowMs += ms;
          resolve();
        };
      }),
    async step() {
      const next = waiting;
      waiting = null;
      next?.();
      await realClock.sleep(0);
    },
  };
}

it("tells who takes what, once at its begin and once at its end", async () => {
  const clock = quickClock();
  const { url, told, traffic } = await openWatched({ clock });
  const get = async (range: string) => {
    const response = await fetch(`${url}/org/model/resolve/main/a.bin`, { headers: { range } });
    return (await response.arrayBuffer()).byteLength;
  };
  expect(await get("bytes=0-3999")).toBe(4000);
  expect(await get("bytes=4000-")).toBe(6000);
  await fetch(`${url}/org/model/resolve/main/a.bin`, { method: "HEAD" });
  await fetch(`${url}/nothing/here`);
  const fetched = traffic.fetch("org/model a.bin", 9000);
  fetched.received(700);
  await clock.step();
  expect(told.map(({ type }) => type)).toEqual(["serve.client", "serve.progress"]);
  const served = { client: "127.0.0.1", what: "org/model", kind: "model" };
  expect(told[0]).toEqual({ type: "serve.client", ...served });
  expect(told[1]).toMatchObject({
    clients: [{ ...served, requests: 0 }],
    moreClients: 0,
    fetches: [{ what: "org/model a.bin", receivedBytes: 700, totalBytes: 9000 }],
    fetchedBytes: 700,
  });
  fetched.received(9000);
  fetched.end();
  for (let index = 0; index < 12; index += 1) await clock.step();
  const sent = told.filter((event) => event.type === "serve.sent");
  expect(sent).toMatchObject([served]);
  const sentBytes = sent[0]?.sentBytes;
  expect(sentBytes).toBeGreaterThan(10_000);
  expect(sentBytes).toBeLessThan(12_000);
  const last = told.at(-2);
  expect(last).toMatchObject({ type: "serve.progress", clients: [], fetchedBytes: 9000 });
  const count = told.length;
  await clock.step();
  expect(told.length).toBe(count);
  expect(traffic.figures()).toMatchObject({ active: 0, clients: 1, fetchedBytes: 9000 });
  const { requests } = traffic.figures();
  expect(requests).toContainEqual({ route: "models", status: "2xx", count: 3 });
  expect(requests).toContainEqual({ route: "other", status: "4xx", count: 1 });
});

it("shows a bounded number of what is taken, and tells of a few a second, whoever asks", async () => {
  const clock = quickClock();
  const { url, told } = await openWatched({ clock });
  for (let index = 0; index < 60; index += 1) {
    await (await fetch(`${url}/org/model-${index}/resolve/main/a.bin`)).arrayBuffer();
  }
  await clock.step();
  const [progress] = told.filter(({ type }) => type === "serve.progress");
  expect(progress).toMatchObject({ moreClients: 40 });
  expect(told.filter(({ type }) => type === "serve.client").length).toBe(4);
});

it("names what a path is about, and nothing that a client made up", () => {
  const cases: readonly [string, string, string | null][] = [
    ["/org/model/resolve/main/a/b.bin?x=1", "models", "org/model"],
    ["/gpt2/resolve/main/config.json", "models", "gpt2"],
    ["/api/models/org/model", "api", null],
    ["/v2/ghcr.io/her-os/core/manifests/1", "images", "ghcr.io/her-os/core:1"],
    ["/v2/ghcr.io/her-os/core/blobs/sha256:ab", "images", "ghcr.io/her-os/core"],
    ["/v2/", "images", null],
    ["/metrics", "watch", null],
    ["/events/setup", "watch", null],
    ["/%1b[2J/x/resolve/main/a", "models", null],
    [`/org/${"x".repeat(200)}/resolve/main/a`, "models", null],
    ["*", "other", null],
    ["", "other", null],
  ];
  for (const [path, route, what] of cases) expect(targetOf(path)).toEqual({ route, what });
});
