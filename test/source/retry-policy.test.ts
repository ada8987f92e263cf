import {
  calculateRetryDelay,
  type FailedAttempt,
  transientErrorOf,
} from "../../src/source/retry-policy.ts";
import { expect, test } from "vitest";

const failed: FailedAttempt = {
  error: { kind: "network", waitMs: null },
  attempt: 1,
  waitedMs: 0,
  limitMs: 600_000,
};
const longest = () => 1 - Number.EPSILON;
const shortest = () => 0;

test("each attempt waits twice as long as the one before, up to five seconds, and no less than half of that", () => {
  const delays = (random: () => number) =>
    [1, 2, 3, 4, 5, 40].map((attempt) => calculateRetryDelay({ ...failed, attempt }, random));
  expect(delays(longest)).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
  expect(delays(shortest)).toEqual([250, 500, 1000, 2000, 2500, 2500]);
});

test("a server that is asked for less is left alone for half a minute, or as long as it says", () => {
  const slow = { ...failed, attempt: 40 };
  const kind = "rate-limited";
  expect(calculateRetryDelay({ ...slow, error: { kind, waitMs: null } }, longest)).toBe(30_000);
  expect(calculateRetryDelay({ ...slow, error: { kind, waitMs: 70_000 } }, shortest)).toBe(70_000);
});

test("nothing is waited for beyond the limit", () => {
  const error = { kind: "server", waitMs: 3_600_000 } as const;
  expect(calculateRetryDelay({ ...failed, error, waitedMs: 599_000 }, shortest)).toBe(1000);
  expect(calculateRetryDelay({ ...failed, error, waitedMs: 600_000 }, shortest)).toBeNull();
});

test("an answer that stays wrong is given up sooner, but not after a few attempts or a moment", () => {
  const bad = {
    ...failed,
    error: { kind: "bad-answer", waitMs: null },
    attempt: 6,
    badAnswersMs: 60_000,
    waitedMs: 60_000,
  } as const;
  expect(calculateRetryDelay(bad, shortest)).toBeNull();
  expect(calculateRetryDelay({ ...bad, waitedMs: 59_999 }, shortest)).not.toBeNull();
  expect(calculateRetryDelay({ ...bad, ownAttempts: 5 }, shortest)).not.toBeNull();
  expect(calculateRetryDelay({ ...bad, error: failed.error }, shortest)).not.toBeNull();
});

test("what was waited already in silence is not waited again, but for half a second", () => {
  const late = { ...failed, attempt: 40 };
  expect(calculateRetryDelay({ ...late, spentMs: 2000 }, longest)).toBe(3000);
  expect(calculateRetryDelay({ ...late, spentMs: 10_000 }, longest)).toBe(500);
});

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
