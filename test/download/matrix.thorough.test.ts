import { expect, test } from "vitest";
import type { Fault } from "../../src/demo/hub/exchange.ts";
import type { Tuning } from "../../src/download/tuning.ts";
import { type Hit, openWorld, type Target } from "./matrix.ts";
import { expectWhole } from "./matrix-checks.ts";
import { crossOut } from "./matrix-table.ts";

/** A fault of the network that passes: heros ends with the right bytes, by itself. */
interface Row {
  readonly name: string;
  readonly target?: Target;
  readonly strike?: (hit: Hit) => Fault | undefined;
  readonly refuse?: (count: number) => Error | undefined;
  /** How much of the struck file may come twice because of it. Default: nothing. */
  readonly twice?: number;
  readonly tuning?: Partial<Tuning>;
  /** What the first report says of it; null where nothing needs to be said. */
  readonly told: RegExp | null;
  /** False: not where a second fetch brings all in one answer, which then has no other to differ from. */
  readonly toldOfOneAnswer?: false;
}

const once =
  (make: (hit: Hit) => Fault) =>
  (hit: Hit): Fault | undefined =>
    hit.count === 1 ? make(hit) : undefined;
const burst =
  (status: number, headers: Record<string, string> = {}) =>
  ({ count }: Hit): Fault | undefined =>
    count <= 3 ? { answer: { status, headers, body: "busy" } } : undefined;
const error = (code: string): Error => Object.assign(new Error(code), { code });
const page = { status: 200, headers: { "Content-Type": "text/html" }, body: "<h1>Log in</h1>" };

const rows: readonly Row[] = [
  {
    name: "reset",
    strike: once(({ before }) => ({ reset: true, ...(before > 0 && { cutAfterBytes: before }) })),
    // On a kept connection it may have been the server's end of that: asked again without a word.
    told: null,
  },
  {
    name: "cut short",
    // One that ends with its head is asked for again without a word.
    strike: once(({ before }) => ({ cutAfterBytes: Math.max(1, before) })),
    told: /was cut|ended before/u,
  },
  {
    name: "too long",
    strike: once(() => ({ extraBytes: 1000 })),
    told: /the server has \d+ bytes/u,
  },
  {
    name: "too long, its length not said",
    strike: once(() => ({ extraBytes: 1000, headers: { "Content-Length": null } })),
    told: null,
  },
  {
    name: "stall",
    strike: once(({ before }) => ({ stallAfterBytes: before })),
    tuning: { idleMs: 2000 },
    told: /no byte came|the connection timed out/u,
  },
  {
    name: "garbage once",
    strike: once(({ spot }) => ({ garbage: { start: spot.at, end: spot.at + 1 } })),
    twice: 1,
    told: /hash does not match/u,
  },
  {
    name: "wrong Content-Range",
    target: "range",
    strike: once(() => ({ headers: { "Content-Range": "bytes 5-9/3000000" } })),
    told: /another range/u,
  },
  {
    name: "200 to a Range",
    target: "range",
    strike: once(() => ({ ignoreRange: true })),
    twice: 1,
    told: null,
  },
  { name: "gzip that nobody asked for", strike: once(() => ({ gzip: true })), told: /packed/u },
  {
    name: "a web page in its place",
    strike: once(() => ({ answer: page })),
    told: /a web page/u,
  },
  {
    name: "a web page in its place, five times",
    strike: ({ count }) => (count <= 5 ? { answer: page } : undefined),
    told: /a web page/u,
  },
  {
    name: "404 of a gateway, five times",
    strike: ({ count }) => (count <= 5 ? { answer: { status: 404 } } : undefined),
    told: /404/u,
  },
  {
    name: "401 of a gateway, five times",
    strike: ({ count }) => (count <= 5 ? { answer: { status: 401 } } : undefined),
    told: /401/u,
  },
  {
    name: "a redirect to a login page, three times",
    strike: ({ count }) =>
      count <= 3
        ? { answer: { status: 302, headers: { Location: "http://login.example/" } } }
        : undefined,
    told: /unsafe address/u,
  },
  {
    name: "403 of an expired signed URL",
    target: "content",
    strike: once(({ scene }) => {
      scene.served.expireLinks();
      return {};
    }),
    told: null,
  },
  {
    name: "429 with RateLimit",
    strike: burst(429, { RateLimit: '"resolvers";r=0;t=1' }),
    told: /slow down/u,
  },
  { name: "429 with Retry-After", strike: burst(429, { "Retry-After": "2" }), told: /slow down/u },
  {
    name: "500, 502 and 503, one after the other",
    strike: ({ count }) => {
      const status = [500, 502, 503][count - 1];
      return status === undefined ? undefined : { answer: { status, body: "busy" } };
    },
    told: /status 500/u,
  },
  {
    name: "503 with Retry-After, three times",
    strike: burst(503, { "Retry-After": "1" }),
    told: /status 503/u,
  },
  {
    name: "DNS failure for a while",
    refuse: (count) => (count <= 3 ? error("EAI_AGAIN") : undefined),
    told: /DNS server does not respond/u,
  },
  {
    name: "connection refused for a while",
    refuse: (count) => (count <= 3 ? error("ECONNREFUSED") : undefined),
    told: /connection refused/u,
  },
];
const { cells, pass } = crossOut(rows);

test.concurrent.each(cells)("$title: mended", async (cell) => {
  const { row, moment, amount } = cell;
  await using world = await openWorld({
    moment,
    amount,
    target: row.target ?? "any",
    strike: row.strike ?? (() => undefined),
    ...(row.refuse !== undefined && { refuse: row.refuse }),
  });
  await world.pull(row.tuning === undefined ? {} : { tuning: row.tuning });
  expect(world.hits(), "the fault struck").toBeGreaterThan(0);
  await expectWhole(world, amount);

  const reasons = world.scene.of("download.retrying").map(({ reason }) => reason);
  const sure = moment !== "during verification" || row.toldOfOneAnswer !== false;
  if (row.told !== null && sure) expect(reasons.join("; ")).toMatch(row.told);
  const extraBytes = world.receivedBytes() - world.totalBytes;
  const again = (row.twice ?? 0) + (moment === "during verification" ? 1 : 0);
  const lost = world.spot.sizeBytes < world.smallBytes ? world.spot.sizeBytes : 0;
  expect(extraBytes).toBeGreaterThanOrEqual(0);
  expect(extraBytes, "bytes twice").toBeLessThanOrEqual(again * world.spot.sizeBytes + lost + 1000);
  pass(cell, `the right bytes, ${extraBytes} of ${world.totalBytes} twice`);
});
