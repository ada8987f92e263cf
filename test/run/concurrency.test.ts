import process from "node:process";
import { expect, test } from "vitest";
import { untilAborted } from "../../src/run/concurrency.ts";

test.each(["before", "after"])(
  "what nobody waits for any longer may fail, cancelled %s it was waited for",
  async (when) => {
    const stop = new AbortController();
    const event = Promise.withResolvers<void>();
    if (when === "before") stop.abort();
    const waited = untilAborted(event.promise, stop.signal);
    stop.abort();
    await expect(waited).rejects.toThrow("aborted");
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    event.reject(new Error("it does not come"));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  },
);
