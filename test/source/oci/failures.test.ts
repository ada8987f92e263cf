import { expect, test } from "vitest";
import type { Failure } from "../../../src/run/failure.ts";
import { failureOfError, scopeOf } from "../../../src/source/oci/failures.ts";
import { TransientError } from "../../../src/source/retry-policy.ts";

const at = { registry: "ghcr.io", address: "https://ghcr.io" };
const coded = (code: string, more: object = {}) =>
  Object.assign(new Error(code), { code, ...more });
const inAnHour = { ms: 3_600_000, until: new Date(2026, 10, 28, 14, 5) };

test.each([
  [
    coded("ECONNREFUSED"),
    "registry.unreachable",
    "Can't reach ghcr.io: connection refused.",
    "network",
  ],
  [coded("ENOTFOUND"), "registry.unreachable", "unknown host name", "network"],
  [coded("CERT_HAS_EXPIRED"), "registry.tls", "CERT_HAS_EXPIRED", "file"],
  [coded("ERR_PROXY_TUNNEL", { statusCode: 407 }), "registry.proxy", "(407)", "file"],
  [coded("ERR_PROXY_TUNNEL", { statusCode: 502 }), "registry.unreachable", "the proxy", "network"],
  [coded("ERR_PROXY_INVALID_CONFIG"), "registry.proxy", "ERR_PROXY_INVALID_CONFIG.", "file"],
  [new TransientError("server", "status 503"), "registry.server_error", "status 503", "network"],
  [new TransientError("bad-answer", "too long"), "registry.server_error", "too long", "network"],
  [
    new TransientError("rate-limited", "429"),
    "registry.rate_limited",
    "limits requests",
    "network",
  ],
  [
    new TransientError("server", "status 503", inAnHour),
    "registry.rate_limited",
    "until 2026-11-28 14:05",
    "network",
  ],
  [new TransientError("expired", "403"), "registry.unreachable", "403", "network"],
])("%s ends as %s", (error, code, message, scope) => {
  const ended = failureOfError(error, at);
  expect(ended).toMatchObject({ code, exitCode: 5, cause: error });
  expect(ended).toHaveProperty("message", expect.stringContaining(message));
  expect(scopeOf(ended as Failure)).toBe(scope);
});

test.each([coded("ENOENT"), new Error("a bug"), "no error"])(
  "%s is none of a registry's",
  (error) => {
    expect(failureOfError(error, at)).toBe(error);
  },
);
