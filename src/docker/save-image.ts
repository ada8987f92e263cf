import { PassThrough, type Readable } from "node:stream";
import type { Host } from "../host/host.ts";
import { failure } from "../run/failures/table.ts";

export interface SaveRequest<Result> {
  readonly host: Pick<Host, "processes">;
  /** As Docker knows it. */
  readonly name: string;
  readonly signal: AbortSignal;
  /** Reads the archive as it comes. */
  readonly read: (archive: Readable) => Promise<Result>;
}

/**
 * Has Docker write an image as an archive (`docker image save`).
 * @throws Failure `docker.image_not_saved` (1) with what docker says; what `read` throws; AbortError
 */
export async function saveImage<Result>({
  host,
  name,
  signal,
  read,
}: SaveRequest<Result>): Promise<Result> {
  const archive = new PassThrough({ highWaterMark: 1 << 20 });
  const stop = new AbortController();
  const args = ["image", "save", name];
  const saved = host.processes.run({
    command: "docker",
    args,
    output: archive,
    signal: AbortSignal.any([signal, stop.signal]),
    endsWithHeros: true,
  });
  saved.catch((error: unknown) => archive.destroy(error instanceof Error ? error : undefined));
  const failed = saved.then(({ exitCode, stderr }) => {
    if (exitCode === 0) return null;
    return failure("docker.image_not_saved", { image: name, why: `Docker says: ${stderr.trim()}` });
  });
  failed.catch(() => {});
  try {
    const result = await read(archive);
    archive.resume();
    const problem = await failed;
    if (problem !== null) throw problem;
    return result;
  } catch (error) {
    stop.abort();
    const problem = await failed.catch(() => null);
    signal.throwIfAborted();
    throw problem ?? error;
  } finally {
    archive.destroy();
  }
}
