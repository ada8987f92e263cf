import { expect, test } from "vitest";
import { transientErrorOf } from "../../src/source/transient-error.ts";

const tunnel = (statusCode: number) =>
  Object.assign(new Error("no tunnel"), { code: "ERR_PROXY_TUNNEL", statusCode });

test.each([
  [tunnel(500), "the proxy can't reach the server"],
  [tunnel(502), "the proxy can't reach the server"],
  [tunnel(499), undefined],
  [tunnel(407), undefined],
  [Object.assign(new Error("cut"), { code: "ECONNRESET" }), "the connection was cut"],
  [Object.assign(new Error("odd"), { code: "HPE_INVALID_HEADER" }), "the answer was garbled"],
  [Object.assign(new Error("none"), { code: "ENOENT" }), undefined],
  [new Error("a bug"), undefined],
])("of %s is said: %s", (error, said) => {
  expect(transientErrorOf(error)?.message).toBe(said);
});
