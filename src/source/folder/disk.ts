import type { FileHandle } from "node:fs/promises";
import { join, sep } from "node:path";
import { Readable } from "node:stream";
import type { Files } from "../../host/host.ts";
import { openUnlinked } from "../../host/own-file.ts";
import { errorCode, Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { DiskFolder } from "../../run/repos/folder.ts";
import { manifestName, manifestTooLarge, maxManifestBytes } from "../model-manifest.ts";
import type { PlacedFile } from "../placed-models.ts";
import type { FileRequest } from "../source.ts";
import type { FolderFiles } from "./folder-files.ts";

/** Each piece is copied once, so a piece is large and few are under way. */
const pieceBytes = 1024 * 1024;

/** A folder of this machine, or one that is mounted. No link is followed out of it. */
export function openDisk(
  files: Pick<Files, "open" | "realpath">,
  { path: folder, called: place }: DiskFolder,
): FolderFiles {
  async function opened(key: string): Promise<{ handle: FileHandle; bytes: number }> {
    try {
      const root = await files.realpath(folder).catch((error: unknown) => {
        throw isAbsence(error) ? failure("folder.not_found", { place }, error) : error;
      });
      const file = await files.realpath(join(root, key));
      if (!file.startsWith(root === sep ? root : root + sep)) {
        throw failure("folder.unsafe_link", { place, file: key });
      }
      const handle = await openUnlinked(files, file);
      const stats = await handle.stat();
      if (stats.isFile()) return { handle, bytes: stats.size };
      await handle.close();
      throw failure("folder.unreadable", { place, file: key, reason: "it is no regular file" });
    } catch (error) {
      throw failureOf(error, key);
    }
  }
  function failureOf(error: unknown, key: string): unknown {
    const code = errorCode(error);
    if (error instanceof Failure || code === null) return error;
    if (!isAbsence(error)) {
      return failure("folder.unreadable", { place, file: key, reason: code }, error);
    }
    return key === manifestName
      ? failure("folder.no_manifest", { place }, error)
      : failure("folder.incomplete", { place, file: key }, error);
  }
  async function openWhole(file: PlacedFile): Promise<FileHandle> {
    const { handle, bytes } = await opened(file.key);
    if (bytes === file.sizeBytes) return handle;
    await handle.close();
    const { key, sizeBytes: wanted } = file;
    throw failure("folder.wrong_size", { place, file: key, bytes, wanted });
  }

  return {
    async readManifest() {
      const { handle, bytes } = await opened(manifestName);
      try {
        if (bytes > maxManifestBytes) {
          throw failure("folder.bad_manifest", { place, problem: manifestTooLarge });
        }
        const content = Buffer.alloc(bytes);
        for (let at = 0; at < bytes;) {
          const { bytesRead } = await handle.read(content, at, bytes - at, at);
          if (bytesRead === 0) return content.subarray(0, at);
          at += bytesRead;
        }
        return content;
      } finally {
        await handle.close();
      }
    },
    check: async (file) => (await openWhole(file)).close(),
    async open(file, request) {
      const { start, end } = request.range ?? { start: 0, end: file.sizeBytes };
      const handle = await openWhole(file);
      const body = bodyOf(handle, { start, end, signal: request.signal }, (error) =>
        failureOf(error, file.key),
      );
      return { response: { ...answerOf(request, file), body, reach: "machine" }, address: null };
    },
    failureOf: (error) => error,
  };
}

function isAbsence(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
}

/** As a web server's, so that the engine need not know. */
function answerOf({ range }: FileRequest, { sizeBytes }: PlacedFile) {
  if (range === null) return { status: 200, headers: { "content-length": String(sizeBytes) } };
  const { start, end } = range;
  return { status: 206, headers: { "content-range": `bytes ${start}-${end - 1}/${sizeBytes}` } };
}

/** @param told makes of an error of the disk what a person reads */
function bodyOf(
  handle: FileHandle,
  {
    start,
    end,
    signal,
  }: { readonly start: number; readonly end: number; readonly signal: AbortSignal },
  told: (error: unknown) => unknown,
): Readable {
  let at = start;
  const piece = async (): Promise<Buffer | null> => {
    const bytes = Buffer.allocUnsafe(Math.min(pieceBytes, end - at));
    if (bytes.length === 0) return null;
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, at);
    at += bytesRead;
    // A file that was cut short meanwhile ends too early, which the engine sees.
    return bytesRead === 0 ? null : bytes.subarray(0, bytesRead);
  };
  const body = new Readable({
    highWaterMark: pieceBytes,
    read() {
      void piece()
        .then((bytes) => body.push(bytes))
        .catch((error: unknown) => body.destroy(asError(told(error))));
    },
  });
  const stop = (): void => void body.destroy(asError(signal.reason));
  signal.addEventListener("abort", stop, { once: true });
  body.once("close", () => {
    signal.removeEventListener("abort", stop);
    // What is being read is waited for.
    handle.close().catch(() => {});
  });
  if (signal.aborted) stop();
  return body;
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("stopped", { cause: reason });
}
