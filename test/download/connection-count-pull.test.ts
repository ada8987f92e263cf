import { expect, test } from "vitest";
import type { Intercept, RecordedRequest, Throttle } from "../../src/demo/hub/exchange.ts";
import { model, openScene, quickHost, type Scene } from "./scene.ts";

const repo = "o/m";
const megabyte = 1_000_000;
/** The clock of heros and of the Hub runs so much faster: a link of 2 MB/s lets 8 MB pass in a second of ours. */
const haste = 4;

interface Over {
  readonly sizeBytes: number;
  /** By the host's clock. */
  readonly link: Throttle;
  /** Every 150 ms by the host's clock, the link is by so much of itself faster or slower. */
  readonly jitter?: number;
  readonly intercept?: (scene: Scene) => Intercept;
  readonly maxConnections?: number;
}

/** A pull in which the number of connections is found out: how many there were at each moment, before and after the first retry. */
async function pullOver({ sizeBytes, link, jitter = 0, intercept, maxConnections = 32 }: Over) {
  const host = quickHost(haste);
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes }] }],
    throttle: link,
    clock: host.clock,
  });
  scene.served.setIntercept(intercept?.(scene));
  const over = new AbortController();
  const shake = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const factor = 1 + jitter * (Math.random() * 2 - 1);
      const bytesPerSecond = (link.bytesPerSecond ?? 0) * factor;
      scene.served.setThrottle({ ...link, bytesPerSecond });
      await host.clock.sleep(150, over.signal).catch(() => {});
    }
  };
  if (jitter > 0) void shake();
  try {
    await scene.pull([model("m", repo)], {
      host,
      hub: scene.hub({ host }),
      maxConnections,
      tuning: { progressMs: 50, tickMs: 25, idleMs: 10_000 },
    });
  } finally {
    over.abort();
    host.network.close();
    host.fileLocks.close();
  }
  expect(scene.of("file.verified")).toHaveLength(1);
  const retriedAt = scene.events.findIndex(({ type }) => type === "download.retrying");
  const [before, after]: number[][] = [[], []];
  for (const [index, event] of scene.events.entries()) {
    if (event.type !== "download.progress") continue;
    (retriedAt === -1 || index < retriedAt ? before : after)?.push(event.lanes);
  }
  const connections = [...(before ?? []), ...(after ?? [])];
  return {
    retries: scene.of("download.retrying"),
    connections,
    most: Math.max(...connections),
    usual: connections.toSorted((a, b) => a - b)[Math.floor(connections.length / 2)],
    before: before ?? [],
    after: after ?? [],
  };
}

test("where each connection is capped, many are used within a few seconds", async () => {
  const link = { bytesPerSecondPerConnection: megabyte };
  const { most } = await pullOver({ sizeBytes: 16 * megabyte, link });
  expect(most).toBeGreaterThanOrEqual(16);
});

test("the same with 30 ms of latency, and never more than --max-connections", async () => {
  const link = { bytesPerSecondPerConnection: megabyte, latencyMs: 30 };
  const { most } = await pullOver({ sizeBytes: 12 * megabyte, link, maxConnections: 10 });
  expect(most).toBe(10);
});

test("--max-connections 1 is one connection, whatever more would bring", async () => {
  const link = { bytesPerSecondPerConnection: megabyte };
  const { most } = await pullOver({ sizeBytes: 3 * megabyte, link, maxConnections: 1 });
  expect(most).toBe(1);
});

test("where the link is full, few connections stay", async () => {
  const link = { bytesPerSecond: 8 * megabyte };
  const { usual } = await pullOver({ sizeBytes: 24 * megabyte, link });
  expect(usual).toBeLessThanOrEqual(8);
});

test("slow Wi-Fi that jitters keeps few", async () => {
  const link = { bytesPerSecond: 2 * megabyte, latencyMs: 30 };
  const { usual } = await pullOver({ sizeBytes: 9 * megabyte, link, jitter: 0.5 });
  expect(usual).toBeLessThanOrEqual(8);
});

test("a 429 halves them", async () => {
  let asked = 0;
  const busy = { answer: { status: 429, headers: { "Retry-After": "1" } } };
  const { before, after } = await pullOver({
    sizeBytes: 20 * megabyte,
    link: { bytesPerSecondPerConnection: megabyte },
    intercept:
      () =>
      ({ origin }) =>
        origin === "content" && (asked += 1) === 50 ? busy : undefined,
  });
  const most = Math.max(...before);
  expect(most).toBeGreaterThan(4);
  // Those that were at work come to their ends; the last third is of the smaller number alone.
  const late = after.slice(Math.floor((after.length * 2) / 3));
  expect(Math.max(...late)).toBeLessThanOrEqual(most / 2);
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
  const link = { bytesPerSecondPerConnection: megabyte };
  const { after } = await pullOver({ sizeBytes: 5 * megabyte, link, intercept: refuse });
  const late = after.slice(Math.floor(after.length * 0.7));
  expect(Math.max(...late)).toBeLessThanOrEqual(3);
});

test("a 403 beyond four connections is that connection's alone, and four stay", async () => {
  const refuse =
    ({ served }: Scene): Intercept =>
    ({ origin }) =>
      origin === "content" && served.requests.filter(underWay).length >= 4
        ? { answer: { status: 403 } }
        : undefined;
  const link = { bytesPerSecondPerConnection: megabyte };
  const over = { sizeBytes: 16 * megabyte, link, intercept: refuse };
  const { after, retries } = await pullOver(over);
  // The file's other connections go on. For all that is known, an address that was good for a while may have expired.
  const others = retries.filter(({ reason }) => !reason.includes("signed address"));
  expect(others.filter(({ scope }) => scope !== "lane")).toEqual([]);
  expect(Math.max(0, ...after.slice(Math.floor(after.length * 0.7)))).toBeLessThanOrEqual(4);
});

test("connections that a server lets wait while it serves four hold nobody up", async () => {
  const wait =
    ({ served }: Scene): Intercept =>
    ({ origin }) =>
      origin === "content" && served.requests.filter(underWay).length >= 4
        ? { delayMs: 60_000 }
        : undefined;
  const link = { bytesPerSecondPerConnection: megabyte };
  const { retries } = await pullOver({ sizeBytes: 16 * megabyte, link, intercept: wait });
  expect(retries.filter(({ scope }) => scope !== "lane")).toEqual([]);
});
