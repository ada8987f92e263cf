/** No server means more than that, and no clock tells it. */
const longestMs = 366 * 24 * 60 * 60 * 1000;

type Headers = Readonly<Record<string, string>>;

/**
 * How long a 429 (or a 503) asks us to wait, in milliseconds; null where it does not say, or where that is over already.
 * `RateLimit: "resolvers";r=0;t=55` means t + 1 seconds (IETF draft-ietf-httpapi-ratelimit-headers, as the Hub sends it);
 * of several limits the one that is used up longest counts. Else `Retry-After`, in seconds or as a date, which is held
 * against the server's own clock where its answer tells it.
 */
export function waitOf(headers: Headers, nowMs: number): number | null {
  const waits = (headers["ratelimit"] ?? "").split(",").map(waitOfLimit);
  const waitMs = Math.max(...waits) || waitOfRetryAfter(headers, nowMs);
  return waitMs > 0 ? Math.min(longestMs, waitMs) : null;
}

/** 0 where something of the limit is left. */
function waitOfLimit(limit: string): number {
  const number = (name: string): number | null => {
    const found = new RegExp(`(?:^|[;\\s])${name}=(\\d+)`, "u").exec(limit)?.[1];
    return found === undefined ? null : Number(found);
  };
  const seconds = number("t");
  return seconds === null || (number("r") ?? 0) > 0 ? 0 : (seconds + 1) * 1000;
}

function waitOfRetryAfter(headers: Headers, nowMs: number): number {
  const after = headers["retry-after"]?.trim() ?? "";
  if (/^\d+(?:\.\d+)?$/u.test(after)) return Math.ceil(Number(after) * 1000);
  const date = Date.parse(after);
  if (Number.isNaN(date)) return 0;
  const theirsMs = Date.parse(headers["date"] ?? "");
  return date - (Number.isNaN(theirsMs) ? nowMs : theirsMs);
}
