import type { Writable } from "node:stream";
import type { Person } from "../plan/interview.ts";
import type { TimedEvent } from "../run/event.ts";
import type { PauseSwitch } from "../run/run-control.ts";

/** Turns events into what a person or a program reads. One is chosen at the start of a run. */
export interface Writer extends Person {
  /** Called in order; never throws, returns at once. */
  write(event: TimedEvent): void;
  /** Leaves the terminal as it was found. Every event written before is shown. */
  close(): Promise<void>;
}

/** The streams and the facts of the terminal that a writer may use; made by the command line. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly color: boolean;
  /** False: ASCII signs only. */
  readonly unicode: boolean;
  readonly verbosity: "quiet" | "normal" | "verbose";
  /** Ctrl-C where a raw terminal swallows it: the same as a SIGINT. */
  interrupt(): void;
  /**
   * Ctrl-Z likewise: stops the program and its process group. Resolves when it goes on, and soon where nothing could
   * stop it. Absent: the key does nothing.
   */
  readonly suspend?: (whom: "group" | "program") => Promise<void>;
  /** Tells that somebody else asks the program to suspend itself. @returns what ends the telling */
  readonly onSuspendAsked?: (listener: () => void) => () => void;
  /** What it understands beside text. Absent: nothing. */
  readonly features?: TerminalFeatures;
  /** What keys can do with what is shown now. Absent: nothing. */
  readonly keys?: () => RunKeys;
}

/** Control sequences beyond those for a screen; false where they would show, or mean something else. */
export interface TerminalFeatures {
  /** A title that can be set, kept and brought back; a bell. */
  readonly title: boolean;
  /** Progress in the tab or in the taskbar. */
  readonly progress: boolean;
  /** Addresses that can be clicked. */
  readonly links: boolean;
}

export const noFeatures: TerminalFeatures = { title: false, progress: false, links: false };

/** What the keys of a run can do beside looking and stopping; null where there is nothing of the kind. */
export interface RunKeys {
  /** p turns it. */
  readonly pause: PauseSwitch | null;
  /** b: the run goes on in the background, and this program ends. */
  readonly leave: (() => void) | null;
  /** s: stops the run in the background that is shown here. */
  readonly end: (() => void) | null;
  /** A record is shown: q ends that, and touches no run. */
  readonly replay: boolean;
}

export const noRunKeys: RunKeys = { pause: null, leave: null, end: null, replay: false };

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
