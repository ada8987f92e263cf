import fs from "node:fs/promises";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import type { Clock } from "../../../src/host/host.ts";
import { realClock, realNetwork } from "../../../src/host/real-host.ts";
import type { HerosEvent } from "../../../src/run/event.ts";
import { Secret } from "../../../src/run/secret.ts";
import { sendContent } from "../../../src/serve/exchange.ts";
import { openServer, type Site } from "../../../src/serve/server.ts";
import { createEventLog, type EventLog } from "../../../src/serve/watch/event-log.ts";
import { eventsSite } from "../../../src/serve/watch/events-site.ts";
import type { WatchPolicy } from "../../../src/serve/watch/may-watch.ts";
import { metricsSite } from "../../../src/serve/watch/metrics-site.ts";
import { createTraffic, type Traffic } from "../../../src/serve/watch/traffic.ts";

export interface Watched {
  readonly url: string;
  readonly traffic: Traffic;
  readonly log: EventLog;
  readonly told: HerosEvent[];
  close(): Promise<void>;
}

const content = "0123456789".repeat(1000);

/** Models that are all the same. */
const models: Site = {
  async answer(exchange) {
    if (!exchange.url.pathname.includes("/resolve/")) return false;
    await sendContent(exchange, {
      sizeBytes: content.length,
      etag: "e",
      open: async ({ start, end }) => Readable.from([Buffer.from(content.slice(start, end))]),
    });
    return true;
  },
};

/** A server with figures and events, on this machine. */
export async function openWatched({
  policy = { watchers: "machine", origins: [] },
  clock = realClock,
}: { readonly policy?: WatchPolicy; readonly clock?: Clock } = {}): Promise<Watched> {
  const told: HerosEvent[] = [];
  const emit = (event: HerosEvent): void => void told.push(event);
  const traffic = createTraffic({ clock, emit });
  const log = createEventLog("log");
  const events = eventsSite({ policy, logs: { "/events": { log } }, heartbeatMs: 20 });
  const metrics = metricsSite({
    host: { files: fs, clock },
    policy,
    herosVersion: "1.2.3",
    figures: () => traffic.figures(),
    listeners: () => events.listeners(),
    cacheBytes: async () => 5000,
  });
  const server = await openServer({
    host: { network: realNetwork({}) },
    listen: { address: "127.0.0.1", port: 0 },
    tls: null,
    tokens: [new Secret("a-token-of-this-server")],
    sites: [models, metrics, events],
    onRequest: (exchange) => traffic.begin(exchange),
    emit,
    signal: new AbortController().signal,
  });
  const close = async (): Promise<void> => {
    await server.close();
    traffic.close();
  };
  onTestFinished(close);
  return { url: server.url, traffic, log, told, close };
}
