import { untilAborted } from "../../run/concurrency.ts";
import { type Exchange, sendHead } from "../exchange.ts";
import { openPieces, type Reader } from "../send-file.ts";
import type { Arrival } from "./arrivals.ts";

export interface ArrivingContent {
  readonly arrival: Arrival;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The content in its place, once it is verified; null where it is gone again. */
  readonly open: () => Promise<Reader | null>;
  /** This client had bytes of it that proved wrong: it must not add to them. */
  readonly wholeOnly: boolean;
}

/** The end of a file is only given once its hash is right, so that nobody has all of a false one. */
const heldBackBytes = 64 * 1024;

/**
 * Answers with a content while it arrives. Bytes that prove wrong break the answer off.
 * @throws what the download ended with, before the answer is begun; AbortError
 */
export async function sendArriving(exchange: Exchange, content: ArrivingContent): Promise<void> {
  const { arrival, etag, headers, wholeOnly } = content;
  const { signal } = exchange;
  const { sizeBytes } = arrival.blob;
  const known = { sizeBytes, etag, headers, wholeOnly };
  await sendHead(exchange, known, async ({ start, end }, begin) => {
    const leave = arrival.join(exchange.client);
    let own: Reader | null = null;
    let pieces: ReturnType<typeof openPieces> | null = null;
    try {
      for (let at = start; at < end;) {
        const change = arrival.changed();
        const state = arrival.state();
        if (state.kind === "failed") throw state.error;
        if (arrival.wasWrong() && pieces !== null)
          throw new Error("bytes that were sent were wrong");
        const upTo = Math.min(end, givenFrom(arrival, at));
        if (upTo === at) {
          const stop = arrival.wait(at);
          await untilAborted(change, signal).finally(stop);
          continue;
        }
        const reader = (await arrival.reader()) ?? (own ??= await content.open());
        if (reader === null) throw new Error("the content is gone");
        if (pieces === null) begin();
        pieces ??= openPieces(exchange);
        await pieces.send(reader, { start: at, end: upTo });
        at = upTo;
      }
      await pieces?.end();
    } finally {
      leave();
      await own?.close();
    }
  });
}

/** Where the bytes end that may be given from this one on. */
function givenFrom(arrival: Arrival, at: number): number {
  const { sizeBytes } = arrival.blob;
  if (arrival.state().kind === "verified") return sizeBytes;
  if (arrival.wasWrong()) return at;
  return Math.max(at, Math.min(arrival.reachedFrom(at), sizeBytes - heldBackBytes));
}
