import { expect, test } from "vitest";
import type { Fault } from "../../src/demo/hub/faults.ts";
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

test.each(strange)("%s for twenty seconds in the middle is weather", async (_, answer) => {
  const scene = await pullThrough(answer, 20_000);
  expect(scene.of("model.ready")).toHaveLength(1);
  expect(scene.of("download.finished")[0]?.fetchedBytes).toBe(sizeBytes);
});
