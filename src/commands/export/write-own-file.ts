import path from "node:path";
import { readIfThere, writeAtomically } from "../../host/text-files.ts";
import { errorCode, Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { diskFailure } from "../../run/file-failure.ts";
import type { Work } from "../command-request.ts";

export interface OwnFile {
  /** Absolute. */
  readonly file: string;
  /** Its first line tells that it is ours. */
  readonly text: string;
  readonly mode: number;
}

/**
 * Writes a file that heros rewrites whole, and says what became of it.
 * @throws Failure `export.foreign_file` (2) where one of somebody else's is there, `export.not_writable` (1), `disk.…`
 */
export async function writeOwnFile(
  { host, emit }: Pick<Work, "host" | "emit">,
  { file, text, mode }: OwnFile,
): Promise<void> {
  const before = await orFailure(file, async () => {
    await host.files.mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
    return readIfThere(host, file);
  });
  const mark = text.slice(0, text.indexOf("\n") + 1);
  if (before !== null && !before.startsWith(mark)) throw failure("export.foreign_file", { file });
  const action = before === null ? "created" : before === text ? "unchanged" : "updated";
  if (action !== "unchanged") {
    const forbiddenBits = 0o666 & ~mode;
    await orFailure(file, () =>
      writeAtomically({ host, path: file, content: text, mode, forbiddenBits }),
    );
  }
  emit({ type: "file.written", path: file, action });
}

/** What the system refuses below a place that was named with --out. */
export async function orFailure<T>(place: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw outFailure(error, place);
  }
}

export function outFailure(error: unknown, place: string): unknown {
  if (error instanceof Failure) return error;
  const ofDisk = diskFailure(error, place, "--out");
  if (ofDisk !== null) return ofDisk;
  const errno = errorCode(error);
  if (errno === null || !/^E[A-Z]+$/u.test(errno)) return error;
  const found = error instanceof Error && "path" in error ? String(error.path) : place;
  return failure("export.not_writable", { path: found, errno }, error);
}
