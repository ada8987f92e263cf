import { expect, test } from "vitest";
import type { Fault, RecordedRequest } from "../../src/demo/hub/exchange.ts";
import type { Tuning } from "../../src/download/tuning.ts";
import { Failure } from "../../src/run/failure.ts";
import { type Hit, openWorld, type Spot, type Target } from "./matrix.ts";
import { expectNothingWrong, expectWhole } from "./matrix-checks.ts";
import { crossOut } from "./matrix-table.ts";

/** A fault that stays: heros says what it is, keeps what came, and goes on from there once it is gone. */
interface Row {
  readonly name: string;
  readonly target?: Target;
  readonly strike?: (hit: Hit) => Fault | undefined;
  readonly elsewhere?: (record: RecordedRequest, spot: Spot) => Fault | undefined;
  readonly refuse?: () => Error;
  readonly tuning?: Partial<Tuning>;
  /** Where many tries are made first. */
  readonly haste?: number;
  readonly ends: { readonly code: string; readonly exitCode: number };
  /** How much of the struck file may come twice because of it, over both runs. Default: nothing. */
  readonly twice?: number;
}

const unreachable = { code: "hub.unreachable", exitCode: 5 };
const serverError = { code: "hub.server_error", exitCode: 5 };
const otherHash = "0123456789abcdef".repeat(4);
const answer = (status: number, headers: Record<string, string> = {}): Fault => ({
  answer: { status, headers, body: "no" },
});
const away = (location: string): Fault => answer(302, { Location: location });
/** Asked again for the file's address, the Hub has another word. */
const atTheHub =
  (fault: Fault) =>
  ({ origin, method, file }: RecordedRequest, { path }: Spot): Fault | undefined =>
    origin === "hub" && method === "GET" && file?.path === path ? fault : undefined;

const rows: readonly Row[] = [
  {
    name: "garbage always",
    strike: ({ spot }) => ({ garbage: { start: spot.at, end: spot.at + 1 } }),
    twice: 4,
    ends: { code: "download.hash_mismatch", exitCode: 6 },
  },
  {
    name: "wrong Content-Range always",
    target: "range",
    strike: () => ({ headers: { "Content-Range": "bytes 5-9/3000000" } }),
    ends: serverError,
  },
  { name: "gzip always", strike: () => ({ gzip: true }), ends: serverError },
  {
    name: "another ETag at the Hub, always",
    target: "content",
    strike: () => answer(403),
    elsewhere: atTheHub({ headers: { "X-Linked-Etag": `"${otherHash}"` } }),
    ends: serverError,
  },
  {
    name: "403 always",
    target: "content",
    strike: () => answer(403),
    haste: 400,
    ends: unreachable,
  },
  {
    name: "500 always",
    strike: () => answer(500),
    tuning: { failAfterMs: 4000 },
    ends: serverError,
  },
  {
    name: "404 half-way, from the content's origin",
    target: "content",
    strike: () => answer(404),
    haste: 400,
    ends: unreachable,
  },
  {
    name: "404 half-way, of a gateway before the Hub",
    target: "content",
    strike: () => answer(403),
    elsewhere: atTheHub(answer(404)),
    tuning: { failAfterMs: 4000 },
    ends: { code: "hub.captive_portal", exitCode: 5 },
  },
  {
    name: "a web page always",
    strike: () => ({
      answer: { status: 200, headers: { "Content-Type": "text/html" }, body: "<p>Log in" },
    }),
    tuning: { failAfterMs: 4000 },
    ends: { code: "hub.captive_portal", exitCode: 5 },
  },
  {
    name: "429 that asks for a day",
    strike: () => answer(429, { "Retry-After": "86400" }),
    haste: 400,
    ends: { code: "hub.rate_limited", exitCode: 5 },
  },
  {
    name: "the branch pushed anew half-way",
    target: "content",
    strike: () => answer(403),
    elsewhere: atTheHub(answer(404, { "X-Error-Code": "RevisionNotFound" })),
    ends: { code: "hub.branch_moved", exitCode: 5 },
  },
  {
    name: "404 half-way, from the Hub",
    target: "content",
    strike: () => answer(403),
    elsewhere: atTheHub(answer(404, { "X-Error-Code": "EntryNotFound" })),
    ends: { code: "hub.file_not_found", exitCode: 2 },
  },
  {
    name: "redirect loop",
    strike: () => away("?again"),
    tuning: { failAfterMs: 4000 },
    ends: { code: "hub.redirect_loop", exitCode: 5 },
  },
  {
    name: "redirect to plain http off loopback",
    strike: () => away("http://mirror.example/model"),
    tuning: { failAfterMs: 4000 },
    ends: { code: "hub.captive_portal", exitCode: 5 },
  },
  {
    name: "TLS refused",
    strike: ({ scene }) => away(scene.served.contentOrigin.replace("http:", "https:")),
    ends: { code: "hub.tls", exitCode: 5 },
  },
  {
    name: "DNS failure of the content's origin",
    refuse: () => Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }),
    tuning: { failAfterMs: 4000 },
    ends: unreachable,
  },
];
const { cells, pass } = crossOut(rows);

test.concurrent.each(cells)("$title: said, and gone on with later", async (cell) => {
  const { row, moment, amount } = cell;
  await using world = await openWorld({
    moment,
    amount,
    target: row.target ?? "any",
    haste: row.haste ?? 60,
    strike: row.strike ?? (() => undefined),
    ...(row.elsewhere !== undefined && { elsewhere: row.elsewhere }),
    ...(row.refuse !== undefined && { refuse: row.refuse }),
  });
  // A moment of the clock of these tests, in place of a minute.
  const tuning = { badAnswersMs: 2000, ...row.tuning };
  const failure = await world.pull({ tuning }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Failure);
  expect(failure).toMatchObject(row.ends);
  expect(world.hits(), "the fault struck").toBeGreaterThan(0);
  await expectNothingWrong(world);

  world.heal();
  const receivedBytes = world.receivedBytes();
  const survey = await world.pull();
  await expectWhole(world, amount);
  const needed = survey.totalBytes - survey.cachedBytes - survey.resumedBytes;
  const { spot, smallBytes, totalBytes } = world;
  // A partial that holds damage is compared with a second fetch of it.
  const compared = /hash/u.test(row.ends.code) || moment === "during verification";
  const again = world.receivedBytes() - receivedBytes - needed;
  expect(again, "of what was held").toBeLessThanOrEqual(compared ? 2 * spot.sizeBytes : 0);
  const twice = world.receivedBytes() - totalBytes;
  const allowed = (row.twice ?? 0) + (moment === "during verification" ? 2 : 0);
  expect(twice, "bytes twice").toBeLessThanOrEqual(allowed * spot.sizeBytes + smallBytes);
  pass(cell, `exit ${row.ends.exitCode} ${row.ends.code}, then the right bytes, ${twice} twice`);
});
