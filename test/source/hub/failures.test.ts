import { expect, test } from "vitest";
import { failureOfError, failureOfStatus } from "../../../src/source/hub/failures.ts";
import { TransientError } from "../../../src/source/retry-policy.ts";

const asked = {
  endpoint: "https://huggingface.co",
  repo: "org/model",
  path: "a",
  revision: "main",
};

test.each([
  [401, undefined, false, "hub.repo_not_found"],
  [401, undefined, true, "hub.token_refused"],
  [403, undefined, true, "hub.forbidden"],
  [403, "GatedRepo", false, "hub.gated"],
  [403, "GatedRepo", true, "hub.gated"],
  [404, "RepoNotFound", false, "hub.repo_not_found"],
  [404, "RepoNotFound", true, "hub.repo_not_found"],
  [404, "RevisionNotFound", true, "hub.revision_not_found"],
  [404, "EntryNotFound", true, "hub.file_not_found"],
])(
  "an answer %s %s, token %s, is %s, without flags on a form",
  (status, header, withToken, code) => {
    const failure = failureOfStatus(status, header, { ...asked, withToken });
    expect(failure?.code).toBe(code);
    expect(failure?.formHint).not.toMatch(/--[a-z]|HF_TOKEN/);
    expect(failure?.formHint).not.toBe("");
  },
);

test("an answer of 404 that the Hub does not explain says nothing certain", () => {
  expect(failureOfStatus(404, undefined, { ...asked, withToken: true })).toBeNull();
});

const coded = (code: string, more: object = {}) =>
  Object.assign(new Error(code), { code, ...more });

test.each([
  [coded("ECONNREFUSED"), "hub.unreachable"],
  [coded("CERT_HAS_EXPIRED"), "hub.tls"],
  [coded("ERR_PROXY_TUNNEL", { statusCode: 407 }), "hub.proxy"],
  [coded("ERR_PROXY_TUNNEL", { statusCode: 502 }), "hub.unreachable"],
  [coded("ERR_PROXY_INVALID_CONFIG"), "hub.proxy"],
  [new TransientError("server", "503"), "hub.server_error"],
  [new TransientError("rate-limited", "429"), "hub.rate_limited"],
])("%s ends as %s", (error, code) => {
  expect(failureOfError(error, asked.endpoint)).toMatchObject({ code });
});

test.each([coded("ENOENT"), new Error("a bug"), "no error"])("%s is none of the Hub's", (error) => {
  expect(failureOfError(error, asked.endpoint)).toBe(error);
});
