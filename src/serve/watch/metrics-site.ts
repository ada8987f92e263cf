import type { Host } from "../../host/host.ts";
import { send } from "../exchange.ts";
import type { Site } from "../server.ts";
import { mayWatch, type WatchPolicy } from "./may-watch.ts";
import type { Figures } from "./traffic.ts";

export interface MetricsSiteOptions {
  readonly host: Pick<Host, "files" | "clock">;
  readonly policy: WatchPolicy;
  readonly herosVersion: string;
  readonly figures: () => Figures;
  readonly listeners: () => number;
  /** Bytes in the cache; may take its time. */
  readonly cacheBytes: () => Promise<number>;
}

/** Counting the cache asks the disk for each of its files. */
const cacheForMs = 60_000;

/** `/metrics`, in Prometheus' text format 0.0.4. */
export function metricsSite(options: MetricsSiteOptions): Site {
  const { host, policy, herosVersion, figures, listeners, cacheBytes } = options;
  const startedAt = host.clock.now().getTime() / 1000;
  let counted: { readonly atMs: number; readonly bytes: Promise<number | null> } | null = null;

  function bytesOfCache(): Promise<number | null> {
    const nowMs = host.clock.monotonicMs();
    if (counted === null || nowMs - counted.atMs > cacheForMs) {
      counted = { atMs: nowMs, bytes: cacheBytes().catch(() => null) };
    }
    return counted.bytes;
  }

  return {
    async answer(exchange) {
      if (exchange.url.pathname !== "/metrics") return false;
      const page = mayWatch(exchange, policy);
      if (page === null) return true;
      const [memory, cached] = await Promise.all([residentBytes(host), bytesOfCache()]);
      const { requests, sentBytes, fetchedBytes, active, clients } = figures();
      const now = host.clock.now().getTime() / 1000;
      const body = [
        ...family("heros_info", "gauge", "The version of heros.", [
          { labels: { version: herosVersion }, value: 1 },
        ]),
        ...family(
          "heros_serve_requests_total",
          "counter",
          "Requests that were answered, by part of the server and class of the status.",
          requests.map(({ route, status, count }) => ({ labels: { route, status }, value: count })),
        ),
        ...family(
          "heros_serve_sent_bytes_total",
          "counter",
          "Bytes sent to clients, headers included.",
          Object.entries(sentBytes).map(([route, value]) => ({ labels: { route }, value })),
        ),
        ...single(
          "heros_serve_fetched_bytes_total",
          "counter",
          "Bytes fetched from upstream.",
          fetchedBytes,
        ),
        ...single(
          "heros_serve_active_requests",
          "gauge",
          "Requests that are being answered.",
          active,
        ),
        ...single(
          "heros_serve_clients",
          "gauge",
          "Addresses that sent a request in the last five minutes.",
          clients,
        ),
        ...single("heros_serve_event_listeners", "gauge", "Listeners of /events.", listeners()),
        ...(cached === null
          ? []
          : single(
              "heros_serve_cache_bytes",
              "gauge",
              "Bytes of the models in the cache.",
              cached,
            )),
        ...single(
          "heros_serve_uptime_seconds",
          "gauge",
          "Seconds since the server began.",
          now - startedAt,
        ),
        ...single(
          "process_start_time_seconds",
          "gauge",
          "When the server began, in seconds since 1970.",
          startedAt,
        ),
        ...(memory === null
          ? []
          : single("process_resident_memory_bytes", "gauge", "Memory of the process.", memory)),
        "",
      ].join("\n");
      const headers = { ...page, "Content-Type": "text/plain; version=0.0.4; charset=utf-8" };
      send(exchange, { status: 200, headers: { ...headers, "Cache-Control": "no-store" }, body });
      return true;
    },
  };
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

function single(name: string, type: string, help: string, value: number): string[] {
  return family(name, type, help, [{ value }]);
}

function family(name: string, type: string, help: string, samples: readonly Sample[]): string[] {
  const lines = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}

function escaped(text: string): string {
  return text.replaceAll(/[\\"\n]/gu, (sign) => (sign === "\n" ? String.raw`\n` : `\\${sign}`));
}

/** proc(5), in kB; null where the system does not tell. */
async function residentBytes({ files }: Pick<Host, "files">): Promise<number | null> {
  const text = await files.readFile("/proc/self/status", "utf8").catch(() => "");
  const kib = /^VmRSS:\s+(\d+) kB$/mu.exec(text)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}
