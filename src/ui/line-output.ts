import type { Writable } from "node:stream";

/** Whole lines to a stream that may be a pipe whose reader has gone. */
export interface LineOutput {
  /** Never throws; after the reader has gone it does nothing. */
  line(text: string): void;
  /** Resolves once everything was handed to the system. */
  flush(): Promise<void>;
  /** Takes its listener off the stream. */
  release(): void;
}

/** @param polish what each line goes through first */
export function createLineOutput(
  stream: Writable,
  polish: (text: string) => string = (text) => text,
): LineOutput {
  let gone = false;
  // EPIPE, and whatever else a stream can say: there is nobody left to tell.
  const onError = (): void => {
    gone = true;
  };
  stream.on("error", onError);
  return {
    line(text) {
      if (!gone && stream.writable) stream.write(`${polish(text)}\n`);
    },
    async flush() {
      if (gone || !stream.writable) return;
      await new Promise<void>((resolve) => {
        stream.write("", () => resolve());
      });
    },
    release() {
      // A broken pipe reports itself late: the listener stays where it was needed.
      if (!gone) stream.off("error", onError);
    },
  };
}
