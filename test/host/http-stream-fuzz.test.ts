import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HttpStream } from "../../src/host/http-stream.ts";
import { anyShare } from "../share.ts";

interface Outcome {
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly end: string;
  /** Whether the connection may serve again; null where it was destroyed. */
  readonly reusable: boolean | null;
}

/** What an answer turns out to be that comes in these pieces, the connection's end after them; its reader pauses after the n-th piece of the body. */
async function receive(pieces: readonly Buffer[], pausesAfter: number): Promise<Outcome> {
  let status: number | null = null;
  let headers: Readonly<Record<string, string>> = {};
  let reusable: boolean | null = null;
  const seen = { end: "", reads: true };
  let bodyPieces = 0;
  const body: Buffer[] = [];
  const stream = new HttpStream(
    {
      readOn: () => void (seen.reads = true),
      stopReading: () => void (seen.reads = false),
      release: (kept) => void (reusable = kept),
      destroy: () => {},
    },
    (head) => {
      ({ status, headers } = head);
      stream.on("data", (part: Buffer) => {
        body.push(Buffer.from(part));
        bodyPieces += 1;
        if (bodyPieces !== pausesAfter) return;
        stream.pause();
        void nextTurn().then(() => stream.resume());
      });
    },
  );
  stream.on("end", () => void (seen.end = "end"));
  stream.on("error", (error: Error & { code?: string }) => void (seen.end = error.code ?? "?"));
  for (const piece of pieces) {
    for (let turn = 0; !seen.reads && seen.end === "" && turn < 10; turn += 1) await nextTurn();
    // A copy: the connection uses its buffer again.
    const bytes = Buffer.from(piece);
    seen.reads = stream.receive(bytes);
    bytes.fill(0x21);
    if (seen.end !== "") break;
  }
  for (let turn = 0; seen.end === "" && turn < 3; turn += 1) await nextTurn();
  stream.lost(null);
  for (let turn = 0; seen.end === "" && turn < 10; turn += 1) await nextTurn();
  return { status, headers, body: Buffer.concat(body).toString("latin1"), end: seen.end, reusable };
}

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted(
    (one, other) => one - other,
  );
  return [0, ...cuts].map((from, index) => bytes.subarray(from, cuts[index] ?? bytes.length));
}

const places = fc.array(fc.nat({ max: 4000 }), { maxLength: 12 });
const pauses = fc.integer({ min: 0, max: 4 });
const content = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));

/** A body in chunks of these lengths, with extensions and trailers now and then. */
function inChunks(bytes: Buffer, lengths: readonly number[], odd: boolean): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const length of [...lengths, bytes.length]) {
    const part = bytes.subarray(at, at + length);
    if (part.length === 0) continue;
    const size = part.length.toString(16);
    parts.push(Buffer.from(`${odd ? `${size.toUpperCase()};name=1` : size}\r\n`), part);
    parts.push(Buffer.from("\r\n"));
    at += part.length;
  }
  return Buffer.concat([...parts, Buffer.from(odd ? "0\r\nx-sum: 1\r\n\r\n" : "0\r\n\r\n")]);
}

test("an answer is the same in whatever pieces it comes, however often its reader pauses", async () => {
  const answer = fc.record({
    bytes: content,
    form: fc.constantFrom("length", "chunks", "end"),
    lengths: fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 6 }),
    odd: fc.boolean(),
    early: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      answer,
      places,
      pauses,
      async ({ bytes, form, lengths, odd, early }, cuts, pausesAfter) => {
        const { head, body } = {
          length: { head: `content-length: ${bytes.length}\r\n`, body: bytes },
          chunks: {
            head: "Transfer-Encoding: Chunked\r\n",
            body: inChunks(bytes, lengths, odd),
          },
          end: { head: "", body: bytes },
        }[form];
        const before = early ? "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" : "";
        const start = `${before}HTTP/1.1 200 OK\r\nX-Twice: a\r\nx-twice: b\r\n${head}\r\n`;
        const whole = Buffer.concat([Buffer.from(start), body]);
        expect(await receive(cutAt(whole, cuts), pausesAfter)).toMatchObject({
          status: 200,
          headers: { "x-twice": "a, b" },
          body: bytes.toString("latin1"),
          end: "end",
          reusable: form !== "end",
        });
      },
    ),
    { numRuns: 300 },
  );
});

test("an answer that is cut short is an error, and never an end", async () => {
  await fc.assert(
    fc.asyncProperty(
      content.filter(({ length }) => length > 0),
      fc.boolean(),
      anyShare(0.999),
      places,
      async (bytes, chunked, share, cuts) => {
        const head = chunked ? "transfer-encoding: chunked" : `content-length: ${bytes.length}`;
        const body = chunked ? inChunks(bytes, [7], false) : bytes;
        const whole = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), body]);
        const torn = whole.subarray(0, Math.floor(whole.length * share));
        const { end, body: got } = await receive(cutAt(torn, cuts), 1);
        expect(end).toBe("ECONNRESET");
        expect(bytes.toString("latin1").startsWith(got)).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

test("an answer that has more than it said is an error", async () => {
  const more = fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(content, more, places, fc.boolean(), async (bytes, extra, cuts, chunked) => {
      const head = chunked ? "transfer-encoding: chunked" : `content-length: ${bytes.length}`;
      const body = chunked
        ? [Buffer.from("1\r\na"), Buffer.from("x"), extra, Buffer.from("\r\n0\r\n\r\n")]
        : [bytes, extra];
      const whole = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), ...body]);
      // In one piece: what comes after the end of an answer is the next one's.
      const pieces = chunked ? cutAt(whole, cuts) : [whole];
      expect((await receive(pieces, 0)).end).toBe("HPE_INVALID_CONSTANT");
    }),
    { numRuns: 200 },
  );
});

test("whatever else comes ends, and hands on no more than came", async () => {
  const text = (strings: readonly string[]) => fc.constantFrom(...strings).map(Buffer.from);
  const piece = fc.oneof(
    content,
    text([
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.0 206 x\r\n",
      "HTTP/2 200",
    ]),
    text([
      "transfer-encoding: chunked\r\n",
      "transfer-encoding: gzip\r\n",
      "content-length: 5\r\n",
    ]),
    text(["content-length: -1\r\n", "content-length: 99999999999999999999\r\n", ": x\r\n", "\r\n"]),
    text(["ffffffffffff\r\n", "fffffffffffff\r\n", "0\r\n", "5;x\r\nhello\r\n", "\n", "zz\r\n"]),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), places, pauses, async (made, cuts, n) => {
      const bytes = Buffer.concat(made);
      const { end, body } = await receive(cutAt(bytes, cuts), n);
      expect(["end", "ECONNRESET", "HPE_INVALID_CONSTANT"]).toContain(end);
      expect(body.length).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ["a head", "HTTP/1.1 200 OK\r\nx: ", 64 * 1024],
  ["the size of a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", 16 * 1024],
  ["a trailer", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ", 16 * 1024],
])("%s without end is given up at its bound", async (_name, start, maxBytes) => {
  const endless = Array.from({ length: 40 }, () => Buffer.alloc(4096, "x"));
  const fits = endless.slice(0, maxBytes / 4096 - 1);
  const { end } = await receive([Buffer.from(start), ...endless], 0);
  expect(end).toBe("HPE_INVALID_CONSTANT");
  expect((await receive([Buffer.from(start), ...fits], 0)).end).toBe("ECONNRESET");
});
