import { type Exchange, sendError } from "../exchange.ts";
import { isOwn } from "../server.ts";

/** Who may see what the server does: this machine, everybody on the network, or nobody. */
export type Watchers = "machine" | "network" | "nobody";

export interface WatchPolicy {
  readonly watchers: Watchers;
  /** Of pages of other servers that may read it in a browser: `https://spark.example`. */
  readonly origins: readonly string[];
}

/** Headers that let the page read the answer; null where it may not, or nobody may, and that is answered. */
export function mayWatch(
  exchange: Exchange,
  { watchers, origins }: WatchPolicy,
): Readonly<Record<string, string>> | null {
  const { request, url } = exchange;
  const { origin } = request.headers;
  const isForeign = origin !== undefined && origin !== url.origin;
  const page: Readonly<Record<string, string>> = isForeign
    ? { "Access-Control-Allow-Origin": origin, Vary: "Origin" }
    : { Vary: "Origin" };
  if (isForeign && !origins.includes(origin)) {
    refuse(exchange, "Pages of this origin may not read it: see --allow-origin");
    return null;
  }
  if (request.method === "OPTIONS" && isForeign) {
    exchange.response.writeHead(204, {
      ...page,
      "Access-Control-Allow-Methods": "GET, HEAD",
      "Access-Control-Allow-Headers": "Authorization, Last-Event-ID",
      "Access-Control-Allow-Private-Network": "true",
      "Access-Control-Max-Age": "600",
    });
    exchange.response.end();
    return null;
  }
  if (!isAllowed(exchange, watchers)) {
    refuse(exchange, "Only the owner of this server may see this: see --watchers");
    return null;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    const headers = { ...page, Allow: "GET, HEAD" };
    sendError(exchange, { status: 405, message: "Use GET", headers });
    return null;
  }
  return page;
}

/** What came through a proxy is somebody else's. */
function isAllowed({ request, authorized, confidential }: Exchange, watchers: Watchers): boolean {
  if (watchers !== "machine") return watchers === "network";
  if (authorized && confidential) return true;
  const { forwarded, via, "x-forwarded-for": forwardedFor } = request.headers;
  const isPassedOn = [forwarded, via, forwardedFor].some((header) => header !== undefined);
  return !isPassedOn && isOwn(request.socket);
}

function refuse(exchange: Exchange, message: string): void {
  sendError(exchange, { status: 403, message });
}
