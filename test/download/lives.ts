import fc from "fast-check";
import type { Host } from "../../src/host/host.ts";
import { killedAfter } from "../store/memory-disk.ts";
import { anyShare } from "../share.ts";

/** A run of the engine that is ended before its time. */
export interface Life {
  /** "kill": the process is gone at its nth call on files. "stop": Ctrl-C, once so much was asked for. */
  readonly end: "kill" | "stop";
  readonly at: number;
  readonly connections: number;
  readonly segmentBytes: number;
  readonly writeBytes: number;
  /** Each fourth answer of the contents' server is cut, or is a 503. */
  readonly fault: "none" | "cut" | "busy";
}

/** For `fc.record`. */
export function livesWith(maxSegmentBytes: number) {
  return {
    end: fc.constantFrom("kill", "stop"),
    at: anyShare(),
    connections: fc.integer({ min: 1, max: 6 }),
    segmentBytes: fc.integer({ min: 20_000, max: maxSegmentBytes }),
    writeBytes: fc.integer({ min: 4000, max: 64_000 }),
    fault: fc.constantFrom("none", "cut", "busy"),
  } as const;
}

/** What goes wrong with its nth answer. */
export function faultOf(one: Life | null, answers: number, cutAfterBytes: number) {
  if (one === null || one.fault === "none" || answers % 4 !== 0) return undefined;
  return one.fault === "cut" ? { cutAfterBytes } : { answer: { status: 503 } };
}

/**
 * How the engine is started for it; null goes to its end.
 * @param calls on files, before the last of which a "kill" comes
 */
export function settingsOf(
  one: Life | null,
  { host, haste, calls }: { readonly host: Host; readonly haste: number; readonly calls: number },
) {
  const { connections = 4, segmentBytes = 100_000, writeBytes = 16_000 } = one ?? {};
  const files =
    one?.end === "kill"
      ? { ...host.files, ...killedAfter(host.files, 1 + Math.floor(one.at * calls)) }
      : host.files;
  return {
    host: { ...host, files },
    maxConnections: connections,
    tuning: {
      smallBytes: 16 * 1024,
      minSegmentBytes: segmentBytes,
      maxSegmentBytes: segmentBytes,
      minWriteBytes: writeBytes,
      writeBytes,
      tickMs: 5 * haste,
      idleMs: 5000 * haste,
    },
  };
}
