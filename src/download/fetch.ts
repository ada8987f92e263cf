import type { ByteStream, HttpResponse } from "../host/network.ts";
import { prefixBytes } from "../run/byte-ranges.ts";
import type { FileRequest, Source } from "../source/source.ts";
import {
  TransientError,
  transientErrorOf,
  transientOnceServed,
} from "../source/transient-error.ts";
import type { BlobTask, Located, OpenTask } from "./blob.ts";
import { type Lane, LaneMoved, RangesUnknown, type Transfer } from "./connection.ts";
import type { Segment, Segments } from "./segments.ts";
import { writeBody } from "./write-body.ts";

/** So long a server that refused a fresh address is not suspected of having let its addresses expire. */
const crowdedMs = 60_000;

interface Fetching {
  readonly source: Source;
  readonly flow: Transfer;
  readonly lane: Lane;
  readonly task: BlobTask;
}

/**
 * Fetches one segment into the partial.
 * @throws LaneMoved where the server knows no ranges: the file must be asked for as a whole; else as `pour` and `Source.open`
 */
export async function fetchSegment(
  fetching: Fetching,
  { partial, second }: OpenTask,
  segment: Segment,
): Promise<void> {
  const { flow, lane, task } = fetching;
  const range = task.whole ? null : { start: segment.at, end: segment.end };
  const response = await openLocated(fetching, range);
  checkLength(response, task, range);
  const write = (bytes: Buffer, position: number): Promise<void> =>
    second === null ? partial.write(bytes, position) : second.compare(bytes, position);
  const skipBytes = range === null ? segment.at : 0;
  await writeBody({ body: response.body, skipBytes, segment, write, flow, lane });
}

/** Fetches a small file into memory. @throws as `fetchSegment` */
export async function fetchSmall(fetching: Fetching): Promise<Buffer> {
  const { flow, lane, task } = fetching;
  const content = Buffer.allocUnsafe(task.blob.sizeBytes);
  if (content.length === 0) return content;
  const response = await openLocated(fetching, null);
  checkLength(response, task, null);
  const segment = { start: 0, at: 0, end: content.length };
  lane.segment = segment;
  const write = async (bytes: Buffer, position: number): Promise<void> => {
    bytes.copy(content, position);
  };
  await writeBody({ body: response.body, skipBytes: 0, segment, write, flow, lane });
  return content;
}

/** The first lane of a file learns where its bytes are; the others wait for it and go there at once. */
async function openLocated(
  { source, flow, lane, task }: Fetching,
  range: { start: number; end: number } | null,
): Promise<HttpResponse<ByteStream>> {
  // Silence and slowness count from a lane's own question on.
  lane.isPaused = () => true;
  while (task.located === null && task.locating !== null) await task.locating;
  lane.isPaused = () => false;
  lane.startedMs = lane.lastByteMs = flow.nowMs();
  lane.stop.signal.throwIfAborted();
  const { repo, commit, path, blobName } = task.blob;
  const request = {
    repo,
    commit,
    path,
    blobName,
    range,
    idleTimeoutMs: flow.tuning.idleMs,
    maxConnections: flow.mostLanes,
    signal: lane.stop.signal,
    // Wrong bytes, and trouble time after time without one, are reasons to ask another mirror.
    passOver: task.hashTries + Math.floor(task.attempts / 3),
  };
  const { located } = task;
  if (located === null) return locate({ source, flow, lane, task }, request);
  try {
    const askedMs = flow.nowMs();
    const { response } = await source.open({ ...request, address: located.address });
    flow.link.noteAnswer(flow.nowMs() - askedMs);
    return response;
  } catch (error) {
    const trouble = transientOnceServed(error);
    if (trouble === null || trouble.kind === "rate-limited") throw error;
    if (trouble.kind === "expired") return relocate({ source, flow, lane, task }, request, located);
    // Its server may be gone: after a restart the source may name another.
    if (task.located === located && !flow.isServed(task)) task.located = null;
    throw error;
  }
}

/** Asks the source, which the file's other lanes wait for. */
async function locate(
  { source, task }: Fetching,
  request: Omit<FileRequest, "address">,
): Promise<HttpResponse<ByteStream>> {
  const done = Promise.withResolvers<void>();
  task.locating = done.promise;
  try {
    const { response, address } = await source.open({ ...request, address: null });
    task.located = { address };
    return response;
  } finally {
    task.locating = null;
    done.resolve();
  }
}

/**
 * An address was refused. It may have expired, and then the source has another. Where that one is refused as well while other
 * lanes are served, the server refuses more connections than these: for a while it is not asked again.
 */
async function relocate(
  fetching: Fetching,
  request: Omit<FileRequest, "address">,
  refused: Located,
): Promise<HttpResponse<ByteStream>> {
  const { source, flow, task } = fetching;
  while (task.located === refused && task.locating !== null) await task.locating;
  request.signal.throwIfAborted();
  const { located } = task;
  if (located !== null && located !== refused) {
    return (await source.open({ ...request, address: located.address })).response;
  }
  if (flow.isServed(task) && flow.nowMs() < flow.crowdedUntilMs) {
    throw new TransientError("refused", "the server refuses more connections");
  }
  try {
    return await locate(fetching, request);
  } catch (error) {
    const again = transientErrorOf(error)?.kind === "refused";
    if (again && flow.isServed(task)) flow.crowdedUntilMs = flow.nowMs() + crowdedMs;
    throw error;
  }
}

/** @throws TransientError where the answer is not the bytes that were asked for */
function checkLength(
  response: HttpResponse<ByteStream>,
  task: BlobTask,
  range: { start: number; end: number } | null,
): void {
  const { status, headers } = response;
  const { sizeBytes } = task.blob;
  const refuse = (error: Error): never => {
    // It is not worth its connection.
    response.body.on("error", () => {});
    response.body.destroy();
    throw error;
  };
  const length = headers["content-length"] === undefined ? null : Number(headers["content-length"]);
  if (range !== null && status === 200) {
    if (length !== null && length !== sizeBytes) {
      refuse(new TransientError("bad-answer", `the server has ${length} bytes, not ${sizeBytes}`));
    }
    const known = task.whole;
    task.whole = true;
    refuse(known ? new LaneMoved("another lane fetches the whole file") : new RangesUnknown());
  }
  if (status !== (range === null ? 200 : 206)) {
    refuse(new TransientError("bad-answer", `the server answered ${status} to a range`));
  }
  const { start, end } = range ?? { start: 0, end: sizeBytes };
  const said = headers["content-range"] ?? "none";
  const expected = [`bytes ${start}-${end - 1}/${sizeBytes}`, `bytes ${start}-${end - 1}/*`];
  if (range !== null && !expected.includes(said)) {
    refuse(new TransientError("bad-answer", `the server answered with another range (${said})`));
  }
  if (length !== null && length !== end - start) {
    refuse(new TransientError("bad-answer", `the server has ${length} bytes, not ${end - start}`));
  }
}

/** Only one lane can fetch from a server without ranges: the others stop, and one goes on from the first gap. */
export function fetchWhole(task: BlobTask, segments: Segments, lanes: Iterable<Lane>): void {
  for (const other of lanes) {
    if (other.task === task && other.segment !== null)
      other.stop.abort(new LaneMoved("one lane fetches the whole file"));
  }
  segments.restart(prefixBytes(task.open?.partial.written() ?? []));
}
