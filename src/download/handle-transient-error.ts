import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import {
  calculateRetryDelay,
  isSilence,
  type TransientError,
  transientOnceServed,
} from "../source/retry-policy.ts";
import type { Source } from "../source/source.ts";
import type { Store } from "../store/store.ts";
import { type BlobTask, named, type Outage } from "./blob-task.ts";
import type { ConnectionCount } from "./connection-count.ts";
import { type Connection, ConnectionReassigned } from "./connection.ts";
import type { Tuning } from "./tuning.ts";

/** While bytes came so lately, a broken connection is its own affair. */
export const livelyMs = 1500;

/** So many in a row that brought nothing concern the whole file. */
export const maxOfOneConnection = 4;

/** Failures of one connection: the file's other connections go on. */
const ofOneConnection: readonly TransientError["kind"][] = [
  "network",
  "server",
  "refused",
  "strange",
];

/** How many connections there may be now, over all servers, of so many that are worth having. */
export function connectionsAllowed(
  outages: Iterable<Outage>,
  target: number,
  nowMs: number,
): number {
  let allowed = target;
  for (const outage of outages) {
    outage.pausedUntilMs = outage.pausedUntilMs.filter((untilMs) => untilMs > nowMs);
    allowed -= outage.pausedUntilMs.length;
  }
  return allowed;
}

/** Servers that get no further connection now: one that asked us to wait, and one that was gone and that a connection probes. Its first byte lets others go. */
export function closedServers(
  outages: Iterable<Outage>,
  connections: ReadonlySet<Connection>,
  nowMs: number,
): ReadonlySet<Outage> {
  const closed = new Set<Outage>();
  for (const outage of outages) {
    const isProbed = (): boolean => [...connections].some(({ task }) => task.outage === outage);
    if (nowMs < outage.notBeforeMs || (outage.attempts > 0 && isProbed())) closed.add(outage);
  }
  return closed;
}

interface Scene {
  readonly host: Pick<Host, "clock" | "random">;
  readonly emit: Emit;
  readonly tuning: Tuning;
  readonly source: Pick<Source, "failureOf">;
  readonly store: Pick<Store, "failureOf">;
  /** Of all servers. */
  readonly outages: ReadonlySet<Outage>;
  /** At work, the one that failed included. */
  readonly connections: ReadonlySet<Connection>;
  readonly connectionCount: Pick<ConnectionCount, "shrink" | "limit">;
}

/**
 * Decides when a connection's file is tried again after an error, and says so.
 * @throws what no later try fixes, as a Failure where a person can fix it
 */
export function handleTransientError(scene: Scene, connection: Connection, error: unknown): void {
  if (error instanceof ConnectionReassigned) return;
  const { task } = connection;
  const { outage } = task;
  const { host, tuning, source, store } = scene;
  const transient = transientOnceServed(error);
  if (transient === null) throw source.failureOf(store.failureOf(error), task.blob.repo);
  const nowMs = host.clock.monotonicMs();
  const everywhere = transient.kind === "rate-limited" || nowMs - outage.lastByteMs > livelyMs;
  const crowded = !everywhere && isCrowded(connection, transient, nowMs);
  const isOne = ofOneConnection.includes(transient.kind) && task.attempts + 1 < maxOfOneConnection;
  const ofConnection = crowded || (!everywhere && isOne);
  if (crowded)
    scene.connectionCount.limit(connectionsServed(scene.connections, connection, nowMs), nowMs);
  // A small file is its connection's only work; the connection goes on with others, unless the server asks it to wait.
  const pauses = ofConnection && !crowded && (!task.small || transient.waitMs !== null);
  // Siblings that fail for the same reason at the same time say nothing new.
  const ofTask = everywhere ? [] : [task.notBeforeMs, task.toldUntilMs];
  if (nowMs < Math.max(outage.notBeforeMs, ...ofTask)) {
    if (pauses) {
      const attempt = Math.max(1, task.attempts);
      const failed = { error: transient, attempt, waitedMs: 0, limitMs: tuning.failAfterMs };
      outage.pausedUntilMs.push(nowMs + (calculateRetryDelay(failed, host.random) ?? 0));
    } else if (!ofConnection) task.notBeforeMs = Math.max(task.notBeforeMs, task.toldUntilMs);
    return;
  }
  if (transient.kind === "rate-limited") scene.connectionCount.shrink(nowMs);

  task.attempts += 1;
  task.failingSinceMs ??= nowMs;
  if (everywhere) {
    outage.attempts += 1;
    outage.sinceMs ??= nowMs;
  }
  const attempt = everywhere ? Math.max(outage.attempts, task.attempts) : task.attempts;
  // What concerns all files is waited for once, and not by each of them again.
  const sinceMs = everywhere ? (outage.sinceMs ?? nowMs) : nowMs;
  const longMs = nowMs - Math.min(task.failingSinceMs, sinceMs);
  // Silence was a wait already.
  const spentMs = transient.waitMs === null && everywhere ? nowMs - connection.startedMs : 0;
  const { failAfterMs: limitMs, badAnswersMs } = tuning;
  const failed = {
    error: transient,
    attempt,
    waitedMs: longMs,
    limitMs,
    badAnswersMs,
    ownAttempts: task.attempts,
    spentMs,
  };
  const delayMs = calculateRetryDelay(failed, host.random);
  if (delayMs === null) throw source.failureOf(error, task.blob.repo);
  task.toldUntilMs = nowMs + delayMs;
  if (pauses) outage.pausedUntilMs.push(task.toldUntilMs);
  if (!ofConnection || task.small) task.notBeforeMs = task.toldUntilMs;
  if (everywhere) outage.notBeforeMs = task.notBeforeMs;
  const reason = transient.message;
  const others = [...scene.connections].filter((other) => other.task === task).length - 1;
  const isAll = everywhere && scene.outages.size === 1;
  const scope = isAll ? "all" : ofConnection && others > 0 ? "lane" : "file";
  scene.emit({ type: "download.retrying", ...named(task), reason, attempt, delayMs, scope });
}

/** Beside this one. Those that wait without an answer for as long as it did are none; one that asked a moment ago may be. */
function connectionsServed(
  connections: ReadonlySet<Connection>,
  refused: Connection,
  nowMs: number,
): number {
  const served = [...connections].filter(
    (connection) =>
      connection !== refused &&
      (connection.receivedBytes > 0 || nowMs - connection.startedMs <= livelyMs),
  );
  return Math.max(1, served.length);
}

/**
 * Others are served, and this connection never was: the server wants no more of them. A file of which nothing comes is one
 * too many once; after that it concerns the file.
 */
function isCrowded(
  { task, receivedBytes }: Connection,
  { kind, cause }: TransientError,
  nowMs: number,
): boolean {
  const { attempts, lastByteMs } = task;
  const served = lastByteMs !== null && nowMs - lastByteMs <= livelyMs;
  if (!served && attempts > 0) return false;
  return kind === "refused" || (receivedBytes === 0 && isSilence(cause));
}

/** A pause of the main thread that is longer than this and a tick is none of the network's. */
const maxTickMs = 1000;

/** How long this program did not run since the last tick: Ctrl-Z and fg, a debugger, a machine without a moment for it. */
export function createGapFinder(tickMs: number, startMs: number): (nowMs: number) => number {
  let tickedMs = startMs;
  return (nowMs) => {
    const gapMs = nowMs - tickedMs - tickMs;
    tickedMs = nowMs;
    return gapMs > maxTickMs ? gapMs : 0;
  };
}

/** Nobody was silent meanwhile: bytes may have come, and wait for us. */
export function forgiveGap(
  gapMs: number,
  {
    connections,
    tasks,
    outages,
  }: {
    readonly connections: Iterable<Connection>;
    readonly tasks: readonly BlobTask[];
    readonly outages: Iterable<Outage>;
  },
): void {
  for (const outage of outages) {
    outage.lastByteMs += gapMs;
    if (outage.sinceMs !== null) outage.sinceMs += gapMs;
  }
  for (const connection of connections) {
    connection.startedMs += gapMs;
    connection.lastByteMs += gapMs;
  }
  for (const task of tasks) {
    if (task.failingSinceMs !== null) task.failingSinceMs += gapMs;
    if (task.lastByteMs !== null) task.lastByteMs += gapMs;
  }
}
