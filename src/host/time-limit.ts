import type { Files, Host } from "./host.ts";

/** What every probe is given. */
export interface Probe {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** How long one question to the machine may take. */
  readonly limitMs: number;
}

/** The answer did not come in time. */
export const late: unique symbol = Symbol("late");
export type Late = typeof late;

/**
 * The answer of `work`, or `late` once the limit is over. A process that can't even be killed (a driver that hangs in the
 * kernel) holds up nobody: it is told to stop and then no longer waited for.
 * @throws AbortError when the probe's signal fires, and whatever `work` throws in time
 */
export async function withinLimit<T>(
  { host, signal, limitMs }: Probe,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | Late> {
  signal.throwIfAborted();
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const answer = work(either);
  const alarm = host.clock.sleep(limitMs, either).then((): Late => late);
  // Whichever loses the race has nobody left to tell.
  answer.catch(() => {});
  alarm.catch(() => {});
  try {
    return await Promise.race([answer, alarm]);
  } finally {
    over.abort();
  }
}

/** The same machine, where a process may take no longer than the limit. */
export function impatient(host: Host, limitMs: number): Host {
  const run: Host["processes"]["run"] = (request) =>
    host.processes.run({
      ...request,
      timeoutMs: Math.min(limitMs, request.timeoutMs ?? Number.POSITIVE_INFINITY),
    });
  return { ...host, processes: { ...host.processes, run } };
}

/** In which a machine that is well answers any question. */
const usualMs = 4000;
/** A machine with more to do than it has cores is not given up earlier for it, up to so many times the usual. */
const maxPatience = 5;

const limits = new WeakMap<Host["system"], number>();

/** How long one question to this machine may take, in milliseconds: the same for all of a run, which add up to what a person waits. */
export function answerLimitMs({ system }: Pick<Host, "system">): number {
  const known = limits.get(system);
  if (known !== undefined) return known;
  const limitMs = usualMs * Math.min(maxPatience, Math.max(1, Math.ceil(system.tasksPerCore())));
  limits.set(system, limitMs);
  return limitMs;
}

/** As a person reads it: "no answer within 4 s". */
export function lateText({ limitMs }: Pick<Probe, "limitMs">): string {
  return `no answer within ${Number((limitMs / 1000).toFixed(1))} s`;
}

/** The text of a small file; null where it can't be read or is not there. */
export async function readText(files: Files, path: string): Promise<string | null> {
  try {
    return await files.readFile(path, "utf8");
  } catch {
    return null;
  }
}

/** As `readText`, and null too where the file system does not answer in time. */
export async function readTextInTime(probe: Probe, path: string): Promise<string | null> {
  const text = await withinLimit(probe, () => readText(probe.host.files, path));
  return text === late ? null : text;
}
