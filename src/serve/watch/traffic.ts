import type { Clock } from "../../host/host.ts";
import type { Emit } from "../../run/event.ts";
import type { FetchedNow, ServedNow, ServedTo } from "../../run/events/serve.ts";
import { createRate, type Rate } from "../../run/state/rate.ts";
import type { Exchange } from "../exchange.ts";
import { type Route, targetOf } from "./route.ts";

/** Counts what a server does, and tells of it. */
export interface Traffic {
  /** A request, until its answer is over. */
  begin(exchange: Pick<Exchange, "request" | "response" | "client">): void;
  /** Something is fetched because clients ask for it. */
  fetch(what: string, totalBytes: number | null): FetchCount;
  figures(): Figures;
  /** Tells of what is not told yet, and stops. */
  close(): void;
}

export interface FetchCount {
  /** How many bytes have come by now, in all. */
  received(bytes: number): void;
  end(): void;
}

export interface Figures {
  readonly requests: readonly RequestCount[];
  readonly sentBytes: Readonly<Partial<Record<Route, number>>>;
  readonly fetchedBytes: number;
  /** Requests that are being answered. */
  readonly active: number;
  /** Addresses that asked for something in the last minutes. */
  readonly clients: number;
}

export interface RequestCount {
  readonly route: Route;
  /** `2xx`. */
  readonly status: string;
  readonly count: number;
}

const tickMs = 500;
/** A client that asks for nothing for so long has what it wanted. */
const idleMs = 5000;
const clientMs = 300_000;
/** What is told at a time; the rest is counted. */
const mostShown = 20;
/** Whatever asks: more are counted, and neither shown nor told. */
const mostRows = 500;
const mostClients = 2000;
const mostTold = 4;

interface Row extends ServedTo {
  /** By answers that are over. */
  endedBytes: number;
  readonly answers: Set<Answer>;
  readonly rate: Rate;
  readonly beganMs: number;
  lastMs: number;
  isTold: boolean;
}

/** One that is on its way. */
interface Answer {
  readonly exchange: Pick<Exchange, "request" | "response">;
  readonly route: Route;
  readonly beforeBytes: number;
}

interface Fetch {
  readonly what: string;
  readonly totalBytes: number | null;
  readonly rate: Rate;
  receivedBytes: number;
}

export function createTraffic({
  clock,
  emit,
}: {
  readonly clock: Clock;
  readonly emit: Emit;
}): Traffic {
  const counts = new Map<string, { route: Route; status: string; count: number }>();
  const ended: Partial<Record<Route, number>> = {};
  const active = new Set<Answer>();
  const rows = new Map<string, Row>();
  const fetches = new Set<Fetch>();
  const seen = new Map<string, number>();
  const stop = new AbortController();
  const sentRate = createRate(0, clock.monotonicMs());
  const fetchRate = createRate(0, clock.monotonicMs());
  let endedFetchBytes = 0;
  let isTicking = false;
  let told = 0;
  let toldSinceMs = 0;

  function begin({
    request,
    response,
    client,
  }: Pick<Exchange, "request" | "response" | "client">): void {
    const { route, what } = targetOf(request.url ?? "");
    const nowMs = clock.monotonicMs();
    note(client, nowMs);
    const answer: Answer = {
      exchange: { request, response },
      route,
      beforeBytes: request.socket.bytesWritten,
    };
    active.add(answer);
    const isTaken = what !== null && request.method === "GET";
    const row = isTaken
      ? rowFor({ client, what, kind: route === "images" ? "image" : "model" })
      : null;
    row?.answers.add(answer);
    response.once("close", () => {
      const bytes = bytesOf(answer);
      const status = `${Math.floor(response.statusCode / 100)}xx`;
      const key = `${route} ${status}`;
      const count = counts.get(key) ?? { route, status, count: 0 };
      counts.set(key, count);
      count.count += 1;
      ended[route] = (ended[route] ?? 0) + bytes;
      active.delete(answer);
      if (row === null) return;
      if (isGiven(answer)) row.endedBytes += bytes;
      row.answers.delete(answer);
      row.lastMs = clock.monotonicMs();
    });
    if (row !== null) void tick();
  }

  function note(client: string, nowMs: number): void {
    seen.delete(client);
    seen.set(client, nowMs);
    for (const [each, atMs] of seen) {
      if (nowMs - atMs <= clientMs && seen.size <= mostClients) break;
      seen.delete(each);
    }
  }

  function rowFor(served: ServedTo): Row | null {
    const key = `${served.client} ${served.kind} ${served.what}`;
    const known = rows.get(key);
    if (known !== undefined || rows.size >= mostRows) return known ?? null;
    const beganMs = clock.monotonicMs();
    const counters = { endedBytes: 0, lastMs: beganMs, isTold: false };
    const row = {
      ...served,
      ...counters,
      answers: new Set<Answer>(),
      rate: createRate(0, beganMs),
      beganMs,
    };
    rows.set(key, row);
    return row;
  }

  /** Goes on as long as something moves. */
  async function tick(): Promise<void> {
    if (isTicking || stop.signal.aborted) return;
    isTicking = true;
    try {
      while (rows.size > 0 || fetches.size > 0) {
        await clock.sleep(tickMs, stop.signal);
        tell(clock.monotonicMs());
      }
    } catch {
      // It is closed.
    } finally {
      isTicking = false;
    }
  }

  function tell(nowMs: number): void {
    for (const row of rows.values()) {
      row.rate.record(sentOf(row), nowMs);
      if (!row.isTold && sentOf(row) > 0)
        row.isTold = tellOnce({ type: "serve.client", ...servedTo(row) }, nowMs);
    }
    for (const fetch of fetches) fetch.rate.record(fetch.receivedBytes, nowMs);
    sentRate.record(sentOfAll(), nowMs);
    fetchRate.record(fetchedOfAll(), nowMs);
    const shown = [...rows.values()]
      .filter((row) => row.answers.size > 0 || nowMs - row.lastMs < idleMs)
      .filter((row) => sentOf(row) > 0)
      .map((row): ServedNow => ({
        ...servedTo(row),
        sentBytes: sentOf(row),
        bytesPerSecond: Math.round(row.rate.bytesPerSecond(nowMs)),
        requests: row.answers.size,
      }))
      .toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond || b.sentBytes - a.sentBytes);
    const coming = [...fetches].map(({ what, receivedBytes, totalBytes, rate }): FetchedNow => {
      const bytesPerSecond = Math.round(rate.bytesPerSecond(nowMs));
      return { what, receivedBytes, totalBytes, bytesPerSecond };
    });
    emit({
      type: "serve.progress",
      clients: shown.slice(0, mostShown),
      moreClients: Math.max(0, shown.length - mostShown),
      sentBytes: sentOfAll(),
      bytesPerSecond: Math.round(sentRate.bytesPerSecond(nowMs)),
      fetches: coming.slice(0, mostShown),
      moreFetches: Math.max(0, coming.length - mostShown),
      fetchedBytes: fetchedOfAll(),
      fetchBytesPerSecond: Math.round(fetchRate.bytesPerSecond(nowMs)),
    });
    forget((row) => row.answers.size === 0 && nowMs - row.lastMs >= idleMs);
  }

  function forget(isOver: (row: Row) => boolean): void {
    for (const [key, row] of rows) {
      if (!isOver(row)) continue;
      rows.delete(key);
      if (!row.isTold) continue;
      const elapsedMs = Math.max(0, Math.round(row.lastMs - row.beganMs));
      emit({ type: "serve.sent", ...servedTo(row), sentBytes: sentOf(row), elapsedMs });
    }
  }

  /** Only so many a second, whoever asks for what. @returns whether it was told */
  function tellOnce(event: Parameters<Emit>[0], nowMs: number): boolean {
    if (nowMs - toldSinceMs >= 1000) [told, toldSinceMs] = [0, nowMs];
    if (told >= mostTold) return false;
    told += 1;
    emit(event);
    return true;
  }

  function sentOfAll(): number {
    const over = Object.values(ended).reduce((sum, bytes) => sum + bytes, 0);
    return [...active].reduce((sum, answer) => sum + bytesOf(answer), over);
  }

  function fetchedOfAll(): number {
    return [...fetches].reduce((sum, { receivedBytes }) => sum + receivedBytes, endedFetchBytes);
  }

  return {
    begin,
    fetch(what, totalBytes) {
      const rate = createRate(0, clock.monotonicMs());
      const fetch: Fetch = { what, totalBytes, rate, receivedBytes: 0 };
      fetches.add(fetch);
      void tick();
      return {
        received: (bytes) => void (fetch.receivedBytes = bytes),
        end() {
          if (fetches.delete(fetch)) endedFetchBytes += fetch.receivedBytes;
        },
      };
    },
    figures() {
      const sentBytes = { ...ended };
      for (const answer of active) {
        sentBytes[answer.route] = (sentBytes[answer.route] ?? 0) + bytesOf(answer);
      }
      const sinceMs = clock.monotonicMs() - clientMs;
      return {
        requests: [...counts.values()].map((count) => ({ ...count })),
        sentBytes,
        fetchedBytes: fetchedOfAll(),
        active: active.size,
        clients: [...seen.values()].filter((atMs) => atMs >= sinceMs).length,
      };
    },
    close() {
      stop.abort();
      forget(() => true);
    },
  };
}

/** Of an answer, head included; one after the other goes over a connection. */
function bytesOf({ exchange, beforeBytes }: Answer): number {
  return Math.max(0, exchange.request.socket.bytesWritten - beforeBytes);
}

/** What says no, or that it is known, is no content. */
function isGiven({ exchange: { response } }: Answer): boolean {
  return response.headersSent && (response.statusCode === 200 || response.statusCode === 206);
}

function sentOf(row: Row): number {
  return [...row.answers]
    .filter(isGiven)
    .reduce((sum, answer) => sum + bytesOf(answer), row.endedBytes);
}

function servedTo({ client, what, kind }: Row): ServedTo {
  return { client, what, kind };
}
