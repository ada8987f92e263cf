import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import { warningOf } from "../run/events/run.ts";
import type { Source } from "../source/source.ts";
import type { Store } from "../store/store.ts";
import { type DiskSpeed, type RateCap, writeBytesOf } from "./bandwidth.ts";
import type { BlobTask, Outage } from "./blob-task.ts";
import { type ConnectionCount, createConnectionCount } from "./connection-count.ts";
import {
  type Connection,
  ConnectionReassigned,
  createConnection,
  speedOf,
  watchConnections,
} from "./connection.ts";
import {
  checkpoint,
  downloadFile,
  type Engine,
  leaveFile,
  type Verified,
} from "./download-file.ts";
import {
  chooseWork,
  connectionsToPreempt,
  createFailedFiles,
  isOfOneFile,
  type WantedAt,
} from "./schedule.ts";
import { closedServers, connectionsAllowed, forgiveGap } from "./handle-transient-error.ts";
import { createTransfer, type Transfer } from "./transfer.ts";
import type { Tuning } from "./tuning.ts";

export interface PoolOptions {
  readonly host: Pick<Host, "clock" | "random">;
  readonly source: Source;
  readonly store: Store;
  /** By priority, then model by model: the order in which connections look for work. */
  readonly tasks: readonly BlobTask[];
  readonly tuning: Tuning;
  readonly maxConnections: number;
  readonly rateCap: RateCap | null;
  readonly disk: DiskSpeed;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** The blob has its name. `verified` is null where another process brought it. */
  readonly onDone: (task: BlobTask, verified: Verified | null) => Promise<void>;
  readonly isPaused: () => boolean;
  readonly wantedAt?: WantedAt | undefined;
  /** Many times a second. */
  readonly onTick: (connections: ReadonlySet<Connection>, nowMs: number) => void;
}

/**
 * Fetches all blobs over one pool of connections. On an error and on abort, what came is journaled first.
 * @throws Failure: at once where it concerns all files, after the others where it is that of one; AbortError
 */
export async function runPool(options: PoolOptions): Promise<void> {
  const { host, source, store, tasks, tuning, emit, signal } = options;
  const nowMs = (): number => host.clock.monotonicMs();
  const connections = new Set<Connection>();
  const inFlight = trackInFlight();
  const ended = Promise.withResolvers<void>();
  const ticking = new AbortController();
  const connectionCount = createConnectionCount({
    first: tuning.firstConnections,
    max: options.maxConnections,
  });
  const outages = new Set(tasks.map(({ outage }) => outage));
  for (const outage of outages) outage.lastByteMs = nowMs();
  const allBytes = tasks.reduce((bytes, { blob }) => bytes + blob.sizeBytes, 0);
  const transfer = createTransfer({ ...options, allBytes, nowMs });
  const { link, budget } = transfer;
  const failedFiles = createFailedFiles();
  let open = tasks.filter(({ state }) => state !== "done");
  let stopped = false;
  let endedConnections = 0;
  let starved = false;

  const stop = (error: unknown): void => {
    if (stopped) return;
    stopped = true;
    for (const connection of connections) connection.stop.abort(error);
    ended.reject(error);
  };
  let noLocksTold = false;
  const engine: Engine = {
    ...options,
    transfer,
    outages,
    connections,
    connectionCount,
    isStopped: () => stopped,
    onOpened: pump,
    async inBackground(task, work) {
      follow(task, work);
      if (inFlight.count() > maxInFlight) await work.catch(() => {});
    },
    onDone(task, verified) {
      const place = open.indexOf(task);
      if (place !== -1) open.splice(place, 1);
      // Names are given beside the download: no connection waits for them.
      follow(task, options.onDone(task, verified));
    },
    onMismatch: dropUnneeded,
    onNoLocks() {
      if (!noLocksTold) emit(noLocks);
      noLocksTold = true;
    },
  };
  const adjusting = { transfer, connections, connectionCount, outages, fail: stop };

  function follow(task: BlobTask, work: Promise<void>): void {
    inFlight.follow(work, (error) => failFile(task, error), pump);
  }

  /** One file failed for good: what is still worth it goes on. */
  function failFile(task: BlobTask, error: unknown): void {
    if (stopped) return;
    const lastByteMs = Math.max(...[...outages].map((outage) => outage.lastByteMs));
    const networkIsGone = nowMs() - lastByteMs > tuning.failAfterMs;
    if (!isOfOneFile(error, { source, repo: task.blob.repo, networkIsGone })) {
      stop(error);
      return;
    }
    if (task.state === "failed") return;
    task.state = "failed";
    failedFiles.add(task, error);
    dropUnneeded();
    if (open.length === 0) return;
    emit(warningOf(error));
  }

  function dropUnneeded(): void {
    const stays = (task: BlobTask): boolean =>
      task.state === "verifying" || (task.state !== "failed" && failedFiles.isWorthFetching(task));
    const left = open.filter((task) => !stays(task));
    open = open.filter(stays);
    for (const task of left) {
      if (task.state !== "failed") task.state = "skipped";
      for (const connection of connections)
        if (connection.task === task) connection.stop.abort(new ConnectionReassigned("skipped"));
      release(task);
    }
  }

  /** Its partial and its lock, once no connection is at it any more. */
  function release(task: BlobTask): void {
    if (task.state !== "failed" && task.state !== "skipped") return;
    if ([...connections].some((connection) => connection.task === task)) return;
    follow(task, leaveFile(store, task));
  }

  function pump(): void {
    if (stopped) return;
    if (open.length === 0) {
      if (inFlight.count() > 0) return; // Each may still fail, and looks here as it ends.
      const failure = failedFiles.first();
      if (failure === null) ended.resolve();
      else stop(failure);
      return;
    }
    starved = false;
    if (options.isPaused()) {
      for (const outage of outages) outage.sinceMs = null;
      return;
    }
    const atMs = nowMs();
    while (connections.size < connectionsAllowed(outages, connectionCount.target(), atMs)) {
      const width = connectionCount.target();
      const closed = closedServers(outages, connections, atMs);
      const now = { tasks: open, connections, closed, width, nowMs: atMs, link, budget };
      const choice = { ...now, tuning, wantedAt: options.wantedAt };
      const work = chooseWork(choice);
      if (work === null) {
        starved = true;
        return;
      }
      const connection = createConnection(work.task, atMs);
      connection.segment = work.segment;
      connections.add(connection);
      if (work.task.state === "waiting") work.task.state = "opening";
      follow(
        work.task,
        downloadFile(engine, connection).finally(() => leaveConnection(connection)),
      );
    }
  }

  function leaveConnection(connection: Connection): void {
    connections.delete(connection);
    const last = speedOf(connection, nowMs());
    if (last !== null && !connection.task.small) link.noteSpeed(last);
    endedConnections += 1;
    release(connection.task);
  }

  async function tick(): Promise<void> {
    for (;;) {
      await host.clock.sleep(tuning.tickMs, ticking.signal);
      const atMs = nowMs();
      const busy = !starved && connections.size >= connectionCount.target();
      adjustConnections({ ...adjusting, tasks: open, endedConnections, busy, nowMs: atMs });
      options.onTick(connections, atMs);
      pump();
    }
  }

  const onAbort = (): void => stop(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const clockwork = tick().catch((error: unknown) => {
    if (!ticking.signal.aborted) stop(error);
  });
  try {
    if (signal.aborted) onAbort();
    pump();
    await ended.promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    ticking.abort();
    await clockwork;
    await inFlight.settled();
    await Promise.all(tasks.map((task) => leaveFile(store, task)));
  }
}

/** Told once: a second program on the same cache would not be noticed. */
const noLocks = {
  type: "notice",
  level: "warning",
  code: "cache.no_locks",
  message: "Files in the cache can't be locked: don't start a second download into it.",
  hint: "Locks need perl and a file system that supports them.",
} as const;

/** What is under way, so that nothing is left behind at the end. */
interface InFlight {
  /** Errors go to `onError`, and `after` is called whatever happened. */
  follow(work: Promise<void>, onError: (error: unknown) => void, after: () => void): void;
  count(): number;
  /** Ends when nothing is under way any more. */
  settled(): Promise<void>;
}

/** Connections, and files that are finished aside: small ones are in memory meanwhile. */
const maxInFlight = 96;

function trackInFlight(): InFlight {
  const inFlight = new Set<Promise<void>>();
  return {
    follow(work, onError, after) {
      const kept = work.catch(onError).finally(() => {
        inFlight.delete(kept);
        after();
      });
      inFlight.add(kept);
    },
    count: () => inFlight.size,
    async settled() {
      while (inFlight.size > 0) await Promise.all(inFlight);
    },
  };
}

/** What an answer counts for beside its bytes: with small files, connections are worth as many answers as they bring. */
const answerBytes = 16 * 1024;

/** An answer is due after so many round trips, and not before so long. */
const answerRoundTrips = 8;
const minWaitMs = 500;

interface Adjusted {
  readonly transfer: Transfer;
  readonly connections: ReadonlySet<Connection>;
  readonly outages: ReadonlySet<Outage>;
  readonly connectionCount: ConnectionCount;
  /** Not yet done. */
  readonly tasks: readonly BlobTask[];
  readonly endedConnections: number;
  /** Every connection that may be there has work. */
  readonly busy: boolean;
  readonly nowMs: number;
  readonly fail: (error: unknown) => void;
}

/** What is done every tick: connections write, partials are kept, connections that lag or are in the way are stopped, and their number is assessed. */
function adjustConnections(adjusting: Adjusted): void {
  const { transfer, connections, connectionCount, tasks, endedConnections, nowMs, fail } =
    adjusting;
  const { outages } = adjusting;
  const gapMs = transfer.gapAt(nowMs);
  const busy = adjusting.busy && gapMs === 0;
  if (gapMs > 0) forgiveGap(gapMs, adjusting);
  const { tuning, link, budget, receivedBytes } = transfer;
  transfer.writeBytes = writeBytesOf(budget, connections.size);
  for (const connection of connections) connection.tick();
  for (const task of tasks) {
    if (task.open !== null && task.state === "fetching") {
      checkpoint(task, task.open, { transfer, fail });
    }
  }
  watchConnections(connections, {
    idleMs: tuning.idleMs,
    nowMs,
    ended: link.speeds(),
    spare: connections.size - connectionCount.target(),
    fewerSinceMs: connectionCount.fewerSinceMs(),
    isServed: transfer.isServed,
    waitMs: Math.max(minWaitMs, answerRoundTrips * link.roundTripMs()),
  });
  if (busy) {
    const closed = closedServers(outages, connections, nowMs);
    for (const connection of connectionsToPreempt({ tasks, connections, closed, nowMs })) {
      connection.stop.abort(new ConnectionReassigned("an earlier file has work"));
    }
  }
  link.noteBytes(receivedBytes, connections.size, nowMs);
  connectionCount.observe({
    doneBytes: receivedBytes + endedConnections * answerBytes,
    busy,
    small: [...connections].every(({ task }) => task.small),
    nowMs,
    roundTripMs: link.roundTripMs(),
  });
}
