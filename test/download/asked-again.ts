import type { RecordedRequest } from "../../src/demo/hub/exchange.ts";
import type { ByteRanges } from "../../src/run/byte-ranges.ts";

/** Bytes that were asked for although they were held: by the path of the file, in the repository. */
export function askedAgain(
  requests: readonly RecordedRequest[],
  heldOf: (path: string) => ByteRanges,
): number {
  return requests
    .filter(({ origin, method }) => origin === "content" && method === "GET")
    .flatMap(({ file, headers }) => {
      const [, start, last] = /^bytes=(\d+)-(\d+)$/u.exec(headers.range ?? "") ?? [];
      const asked = { start: Number(start), end: Number(last) + 1 };
      return heldOf(file?.path ?? "").map((range) =>
        Math.max(0, Math.min(asked.end, range.end) - Math.max(asked.start, range.start)),
      );
    })
    .reduce((sum, bytes) => sum + bytes, 0);
}
