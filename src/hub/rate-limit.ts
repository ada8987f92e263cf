type Headers = Readonly<Record<string, string>>;

/**
 * How long a 429 (or a 503) asks us to wait, in milliseconds; null where it does not say.
 * `RateLimit: "resolvers";r=0;t=55` means t + 1 seconds (IETF draft-ietf-httpapi-ratelimit-headers, as the Hub sends it);
 * else `Retry-After`, in seconds or as a date.
 */
export function waitOf(headers: Headers, nowMs: number): number | null {
  const limit = /(?:^|[;\s])t=(?<seconds>\d+)/u.exec(headers["ratelimit"] ?? "");
  if (limit?.groups?.["seconds"] !== undefined) return (Number(limit.groups["seconds"]) + 1) * 1000;
  const after = headers["retry-after"]?.trim();
  if (after === undefined || after === "") return null;
  if (/^\d+(?:\.\d+)?$/u.test(after)) return Math.ceil(Number(after) * 1000);
  const date = Date.parse(after);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
