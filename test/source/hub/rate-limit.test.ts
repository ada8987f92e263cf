import { expect, test } from "vitest";
import { waitOf } from "../../../src/source/request.ts";

const nowMs = Date.parse("2026-11-21T12:00:00Z");
const later = "Sat, 21 Nov 2026 12:00:07 GMT";

test.each<[string, Record<string, string>, number | null]>([
  ["nothing", {}, null],
  ["a limit that does not say what is left", { ratelimit: '"resolvers";t=55' }, 56_000],
  ["seconds", { "retry-after": "7" }, 7000],
  ["a part of a second", { "retry-after": "0.5" }, 500],
  ["a date", { "retry-after": later }, 7000],
  [
    "a date, by a clock that goes before ours",
    { "retry-after": later, date: "Sat, 21 Nov 2026 12:00:04 GMT" },
    3000,
  ],
  ["a date that is over", { "retry-after": "Sat, 21 Nov 2026 11:59:00 GMT" }, null],
  ["no time at all", { "retry-after": "0" }, null],
  ["what nobody can read", { "retry-after": "soon" }, null],
  ["a limit that is used up", { ratelimit: '"resolvers";r=0;t=55' }, 56_000],
  ["a limit of which something is left", { ratelimit: '"api";r=12;t=55' }, null],
  ["a limit of which one request is left", { ratelimit: '"api";r=1;t=55' }, null],
  ["both", { ratelimit: '"api";r=0;t=2', "retry-after": "9" }, 3000],
  [
    "a limit with something left, and seconds",
    { ratelimit: '"api";r=3;t=55', "retry-after": "9" },
    9000,
  ],
  ["several limits", { ratelimit: '"pages";r=8;t=99, "api";r=0;t=5, "resolvers";r=0;t=3' }, 6000],
  ["a limit that says no more than its time", { ratelimit: "limit=1; t=4" }, 5000],
])("an answer asks us to wait: %s", (_, headers, waitMs) => {
  expect(waitOf(headers, nowMs)).toBe(waitMs);
});
