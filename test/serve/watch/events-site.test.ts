import { expect, it } from "vitest";
import type { TimedEvent } from "../../../src/run/event.ts";
import { createEventLog } from "../../../src/serve/watch/event-log.ts";
import { openWatched, type Watched } from "./watched.ts";

const paused: TimedEvent = { v: 1, at: 1, type: "download.paused" };
const resumed: TimedEvent = { v: 1, at: 2, type: "download.resumed" };

/** Reads a stream of events until it holds a text. */
async function readUntil(response: Response, wanted: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const part of response.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true });
    if (text.includes(wanted)) return text;
  }
  return text;
}

it("tells what happened and what happens, and goes on where a listener left", async () => {
  const { url, log } = await openWatched();
  log.write(paused);
  const first = await fetch(`${url}/events`);
  expect(first.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  log.write(resumed);
  const text = await readUntil(first, "resumed");
  expect(text.replaceAll(":\n\n", "")).toBe(
    `retry: 3000\n\nid: log.0-1\ndata: ${JSON.stringify(paused)}\n\nid: log.0-2\ndata: ${JSON.stringify(resumed)}\n\n`,
  );
  const again = await fetch(`${url}/events`, { headers: { "last-event-id": "log.0-1" } });
  const rest = await readUntil(again, "resumed");
  expect(rest).not.toContain("paused");
  const elsewhere = await fetch(`${url}/events`, { headers: { "last-event-id": "old.0-1" } });
  expect(await readUntil(elsewhere, "resumed")).toContain("paused");
});

it("beats while nothing happens", async () => {
  const { url } = await openWatched();
  expect(await readUntil(await fetch(`${url}/events`), ":\n\n:\n\n")).toContain(":\n\n:\n\n");
});

it("has room for a bounded number of listeners", async () => {
  const { url, log } = await openWatched();
  log.write(paused);
  const stop = new AbortController();
  const { signal } = stop;
  const eight = Array.from({ length: 8 }, () => fetch(`${url}/events`, { signal }));
  await Promise.all(eight);
  const ninth = await fetch(`${url}/events`);
  expect([ninth.status, ninth.headers.get("retry-after")]).toEqual([503, "10"]);
  expect(await metric(url, "heros_serve_event_listeners")).toBe(8);
  stop.abort();
});

it("lets pages of other origins read only where the owner says so", async () => {
  const origin = "http://spark-1:8000";
  const { url } = await openWatched({ policy: { watchers: "machine", origins: [origin] } });
  const ask = (headers: Record<string, string>, method = "GET") =>
    fetch(`${url}/metrics`, { headers, method });
  const allowed = await ask({ origin });
  expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([
    200,
    origin,
  ]);
  const other = await ask({ origin: "http://evil.example" });
  expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  expect((await ask({ origin: "null" })).status).toBe(403);
  const preflight = await ask({ origin, "access-control-request-method": "GET" }, "OPTIONS");
  expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
    204,
    "Authorization, Last-Event-ID",
  ]);
  expect((await ask({}, "POST")).status).toBe(405);
});

it("is for this machine alone, for everybody, or for nobody", async () => {
  const status = async ({ url }: Watched, headers: Record<string, string> = {}) =>
    (await fetch(`${url}/metrics`, { headers })).status;
  const own = await openWatched();
  expect(await status(own)).toBe(200);
  // Who came through a proxy is not of this machine.
  expect(await status(own, { "x-forwarded-for": "10.0.0.7" })).toBe(403);
  const token = "Bearer a-token-of-this-server";
  expect(await status(own, { "x-forwarded-for": "10.0.0.7", authorization: token })).toBe(200);
  const open = await openWatched({ policy: { watchers: "network", origins: [] } });
  expect(await status(open, { via: "proxy" })).toBe(200);
  const closed = await openWatched({ policy: { watchers: "nobody", origins: [] } });
  expect(await status(closed, { authorization: token })).toBe(403);
});

it("keeps the newest of what supersedes, and no more than it may", () => {
  const log = createEventLog("e");
  for (let at = 0; at < 5000; at += 1) {
    const [moved, nothing] = [
      { sentBytes: at, bytesPerSecond: 1 },
      { clients: [], fetches: [] },
    ];
    const none = { moreClients: 0, moreFetches: 0, fetchedBytes: 0, fetchBytesPerSecond: 0 };
    log.write({ v: 1, at, type: "serve.progress", ...moved, ...nothing, ...none });
  }
  log.write(paused);
  expect(log.since(null).map(({ id }) => id)).toEqual(["e.0-5000", "e.0-5001"]);
  for (let at = 0; at < 5000; at += 1) log.write({ ...resumed, at });
  expect(log.since(null).length).toBe(2000);
  const message = "x".repeat(1_000_000);
  for (let at = 0; at < 5; at += 1) {
    log.write({ v: 1, at, type: "notice", level: "info", code: "c", message });
  }
  expect(log.since(null).length).toBe(2);
  log.restart();
  expect(log.since("e.0-5001")).toEqual([]);
});

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "mu").exec(text)?.[1]);
}

it("tells its figures as Prometheus reads them", async () => {
  const { url } = await openWatched();
  await (await fetch(`${url}/org/model/resolve/main/a.bin`)).arrayBuffer();
  await fetch(`${url}/nothing`);
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const lines = (await response.text()).split("\n");
  expect(lines).toContain('heros_info{version="1.2.3"} 1');
  expect(lines).toContain('heros_serve_requests_total{route="models",status="2xx"} 1');
  expect(lines).toContain('heros_serve_requests_total{route="other",status="4xx"} 1');
  expect(lines).toContain("# TYPE heros_serve_sent_bytes_total counter");
  expect(lines).toContain("heros_serve_cache_bytes 5000");
  expect(lines).toContain("heros_serve_active_requests 1");
  expect(lines).toContain("heros_serve_clients 1");
  for (const line of lines.slice(0, -1)) {
    expect(line).toMatch(
      /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{(?:\w+="[^"\\]*",?)+\})? \d+(?:\.\d+)?)$/u,
    );
  }
  expect(await metric(url, "process_resident_memory_bytes")).toBeGreaterThan(1e6);
});
