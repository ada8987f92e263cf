import { type Exchange, sendError } from "../exchange.ts";
import type { Site } from "../server.ts";
import type { EventLog, LoggedEvent } from "./event-log.ts";
import { mayWatch, type WatchPolicy } from "./may-watch.ts";

export interface EventsSite extends Site {
  /** Who listens now. */
  listeners(): number;
}

export interface EventsSiteOptions {
  readonly policy: WatchPolicy;
  /** By the path at which each is told. `open` is called for each who listens, and what it returns once they have gone. */
  readonly logs: Readonly<
    Record<string, { readonly log: EventLog; readonly open?: () => () => void }>
  >;
  readonly heartbeatMs?: number;
}

const mostListeners = 32;
const mostOfOne = 8;
/** A proxy ends what is silent for a minute. */
const usualHeartbeatMs = 15_000;
/** Who is so far behind is cut off, and can come back for the rest. */
const mostBehindBytes = 4 * 1024 * 1024;
const againMs = 3000;

/** Events as a browser's EventSource reads them (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export function eventsSite(options: EventsSiteOptions): EventsSite {
  const { policy, logs, heartbeatMs = usualHeartbeatMs } = options;
  const listening = new Map<string, number>();
  let listeners = 0;

  function isFull(client: string): boolean {
    return listeners >= mostListeners || (listening.get(client) ?? 0) >= mostOfOne;
  }

  function count(client: string, change: 1 | -1): void {
    listeners += change;
    const left = (listening.get(client) ?? 0) + change;
    if (left === 0) listening.delete(client);
    else listening.set(client, left);
  }

  async function tell(exchange: Exchange, log: EventLog): Promise<void> {
    const { response, request, signal, url } = exchange;
    const send = (text: string): void => {
      if (response.writableLength > mostBehindBytes) response.destroy();
      else response.write(text);
    };
    const sendEvent = ({ id, line }: LoggedEvent): void => send(`id: ${id}\ndata: ${line}\n\n`);
    const { "last-event-id": header } = request.headers;
    const last = typeof header === "string" ? header : url.searchParams.get("lastEventId");
    send(`retry: ${againMs}\n\n`);
    for (const event of log.since(last)) sendEvent(event);
    const stop = log.listen(sendEvent);
    const beat = setInterval(() => send(":\n\n"), heartbeatMs);
    try {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    } finally {
      clearInterval(beat);
      stop();
      response.end();
    }
  }

  return {
    listeners: () => listeners,
    async answer(exchange) {
      const { request, response, client, url } = exchange;
      const told = Object.hasOwn(logs, url.pathname) ? logs[url.pathname] : undefined;
      if (told === undefined) return false;
      const page = mayWatch(exchange, policy);
      if (page === null) return true;
      if (isFull(client)) {
        const headers = { ...page, "Retry-After": "10" };
        sendError(exchange, { status: 503, message: "Too many listeners", headers });
        return true;
      }
      response.writeHead(200, {
        ...page,
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
      });
      if (request.method === "HEAD") {
        response.end();
        return true;
      }
      count(client, 1);
      const close = told.open?.();
      try {
        await tell(exchange, told.log);
      } finally {
        close?.();
        count(client, -1);
      }
      return true;
    },
  };
}
