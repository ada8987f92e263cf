import type { ByteStream, HttpResponse } from "../host/network.ts";
import { prefixBytes } from "../run/byte-ranges.ts";
import type { FileRequest, Source } from "../source/source.ts";
import { TransientError, transientErrorOf, transientOnceServed } from "../source/retry-policy.ts";
import type { BlobTask, Located, OpenTask } from "./blob-task.ts";
import { type Connection, ConnectionReassigned, RangesUnsupported } from "./connection.ts";
import type { Segment, Segments } from "./segments.ts";
import type { Transfer } from "./transfer.ts";
import { writeBody } from "./write-body.ts";

/** So long a server that refused a fresh address is not suspected of having let its addresses expire. */
const crowdedMs = 60_000;

interface Fetching {
  readonly source: Source;
  readonly transfer: Transfer;
  readonly connection: Connection;
  readonly task: BlobTask;
}

/**
 * Fetches one segment into the partial.
 * @throws ConnectionReassigned where the server knows no ranges: the file must be asked for as a whole; else as `writeBody` and `Source.open`
 */
export async function fetchRange(
  fetching: Fetching,
  { partial, refetch }: OpenTask,
  segment: Segment,
): Promise<void> {
  const { transfer, connection, task } = fetching;
  const range = task.whole ? null : { start: segment.at, end: segment.end };
  const response = await openLocated(fetching, range);
  checkLength(response, task, range);
  const write = (bytes: Buffer, position: number): Promise<void> =>
    refetch === null ? partial.write(bytes, position) : refetch.compare(bytes, position);
  const skipBytes = range === null ? segment.at : 0;
  await writeBody({ body: response.body, skipBytes, segment, write, transfer, connection });
}

/** Fetches a small file into memory. @throws as `fetchRange` */
export async function fetchSmall(fetching: Fetching): Promise<Buffer> {
  const { transfer, connection, task } = fetching;
  const content = Buffer.allocUnsafe(task.blob.sizeBytes);
  if (content.length === 0) return content;
  const response = await openLocated(fetching, null);
  checkLength(response, task, null);
  const segment = { start: 0, at: 0, end: content.length };
  connection.segment = segment;
  const write = async (bytes: Buffer, position: number): Promise<void> => {
    bytes.copy(content, position);
  };
  await writeBody({ body: response.body, skipBytes: 0, segment, write, transfer, connection });
  return content;
}

/** The first connection of a file learns where its bytes are; the others wait for it and go there at once. */
async function openLocated(
  { source, transfer, connection, task }: Fetching,
  range: { start: number; end: number } | null,
): Promise<HttpResponse<ByteStream>> {
  // Silence and slowness count from a connection's own question on.
  connection.isPaused = () => true;
  while (task.located === null && task.locating !== null) await task.locating;
  connection.isPaused = () => false;
  connection.startedMs = connection.lastByteMs = transfer.nowMs();
  connection.stop.signal.throwIfAborted();
  const { repo, commit, path, blobName } = task.blob;
  const request = {
    repo,
    commit,
    path,
    blobName,
    range,
    idleTimeoutMs: transfer.tuning.idleMs,
    maxConnections: transfer.maxConnections,
    signal: connection.stop.signal,
    // Wrong bytes, and failures time after time without one, are reasons to ask another mirror.
    passOver: task.hashTries + Math.floor(task.attempts / 3),
  };
  const { located } = task;
  if (located === null) return locate({ source, transfer, connection, task }, request);
  try {
    const askedMs = transfer.nowMs();
    const { response } = await source.open({ ...request, address: located.address });
    transfer.link.noteAnswer(transfer.nowMs() - askedMs);
    return response;
  } catch (error) {
    const transient = transientOnceServed(error);
    if (transient === null || transient.kind === "rate-limited") throw error;
    if (transient.kind === "expired")
      return relocate({ source, transfer, connection, task }, request, located);
    // Its server may be gone: after a restart the source may name another.
    if (task.located === located && !transfer.isServed(task)) task.located = null;
    throw error;
  }
}

/** Asks the source, which the file's other connections wait for. */
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
 * connections are served, the server refuses more connections than these: for a while it is not asked again.
 */
async function relocate(
  fetching: Fetching,
  request: Omit<FileRequest, "address">,
  refused: Located,
): Promise<HttpResponse<ByteStream>> {
  const { source, transfer, task } = fetching;
  while (task.located === refused && task.locating !== null) await task.locating;
  request.signal.throwIfAborted();
  const { located } = task;
  if (located !== null && located !== refused) {
    return (await source.open({ ...request, address: located.address })).response;
  }
  if (transfer.isServed(task) && transfer.nowMs() < transfer.crowdedUntilMs) {
    throw new TransientError("refused", "the server refuses more connections");
  }
  try {
    return await locate(fetching, request);
  } catch (error) {
    const again = transientErrorOf(error)?.kind === "refused";
    if (again && transfer.isServed(task)) transfer.crowdedUntilMs = transfer.nowMs() + crowdedMs;
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
    refuse(
      known
        ? new ConnectionReassigned("another connection fetches the whole file")
        : new RangesUnsupported(),
    );
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

/** Only one connection can fetch from a server without ranges: the others stop, and one goes on from the first gap. */
export function fetchWholeAlone(
  task: BlobTask,
  segments: Segments,
  connections: Iterable<Connection>,
): void {
  for (const other of connections) {
    if (other.task === task && other.segment !== null)
      other.stop.abort(new ConnectionReassigned("one connection fetches the whole file"));
  }
  segments.restart(prefixBytes(task.open?.partial.written() ?? []));
}
