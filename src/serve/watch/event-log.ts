import type { TimedEvent } from "../../run/event.ts";
import { printableJson } from "../../run/json.ts";

/** An event as one line of JSON, with a name by which whoever has it goes on after it. */
export interface LoggedEvent {
  readonly id: string;
  readonly line: string;
}

/** The newest events of a run, for those who come later or come back. */
export interface EventLog {
  write(event: TimedEvent): void;
  /** Another run begins: what was told before is over. */
  restart(): void;
  /** What came after the event of this id; all there is where nobody knows it any more. */
  since(id: string | null): readonly LoggedEvent[];
  /** @returns what ends it */
  listen(listener: (event: LoggedEvent) => void): () => void;
}

const mostEvents = 2000;
const mostBytes = 2 * 1024 * 1024;

/** Each tells all that the one before told. */
const superseding: ReadonlySet<TimedEvent["type"]> = new Set([
  "download.progress",
  "verify.progress",
  "serve.progress",
  "push.progress",
  "status.read",
]);

/** @param epoch no other log has it, so that ids of another one are not taken for its own */
export function createEventLog(epoch: string): EventLog {
  const kept = new Map<number, { readonly type: string; readonly line: string }>();
  const newest = new Map<string, number>();
  const listeners = new Set<(event: LoggedEvent) => void>();
  let bytes = 0;
  let last = 0;
  let run = 0;

  const idOf = (number: number): string => `${epoch}.${run}-${number}`;

  function drop(number: number): void {
    bytes -= kept.get(number)?.line.length ?? 0;
    kept.delete(number);
  }

  /** An image tells of itself alone. */
  function keyOf(event: TimedEvent): string | null {
    if (superseding.has(event.type)) return event.type;
    return event.type === "image.progress" ? `${event.type} ${event.image}` : null;
  }

  return {
    write(event) {
      last += 1;
      const line = printableJson(event);
      const key = keyOf(event);
      const before = key === null ? undefined : newest.get(key);
      if (before !== undefined) drop(before);
      if (key !== null) newest.set(key, last);
      kept.set(last, { type: event.type, line });
      bytes += line.length;
      for (const number of kept.keys()) {
        if ((kept.size <= mostEvents && bytes <= mostBytes) || kept.size === 1) break;
        drop(number);
      }
      for (const listener of listeners) listener({ id: idOf(last), line });
    },
    restart() {
      kept.clear();
      newest.clear();
      bytes = last = 0;
      run += 1;
    },
    since(id) {
      const prefix = idOf(0).slice(0, -1);
      const after = id?.startsWith(prefix) === true ? Number(id.slice(prefix.length)) : 0;
      const from = after <= last ? after : 0;
      return [...kept]
        .filter(([number]) => number > from)
        .map(([number, { line }]) => ({ id: idOf(number), line }));
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
