import { z } from "zod";
import { count, object, orNull, text } from "./event-shapes.ts";

const servedTo = object({ client: text, what: text, kind: z.enum(["model", "image"]) });

/** What the events of `heros serve` about its clients hold. */
export const serveSchemas = {
  "serve.client": servedTo,
  "serve.sent": servedTo.extend({ sentBytes: count, elapsedMs: count }),
  "serve.progress": object({
    clients: z.array(servedTo.extend({ sentBytes: count, bytesPerSecond: count, requests: count })),
    moreClients: count,
    sentBytes: count,
    bytesPerSecond: count,
    fetches: z.array(
      object({
        what: text,
        receivedBytes: count,
        totalBytes: orNull(count),
        bytesPerSecond: count,
      }),
    ),
    moreFetches: count,
    fetchedBytes: count,
    fetchBytesPerSecond: count,
  }),
};
