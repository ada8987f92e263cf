import { failure } from "../../run/failures/table.ts";
import path from "node:path";
import type { Host } from "../../host/host.ts";
import type { Emit } from "../../run/event.ts";
import { fileFailure } from "../../run/file-failure.ts";
import { readIfThere, writeAtomically } from "../../host/text-files.ts";
import { type NeededFolder, type StackChange, textOfFile } from "./deployment.ts";

export interface WriteStackRequest {
  readonly host: Host;
  /** From `planStack`, in its order: `.env`, which names the others, comes last. */
  readonly changes: readonly StackChange[];
  readonly emit: Emit;
}

/**
 * Writes what was planned and says what became of each file. A file that is as it should be is not touched.
 * @throws Failure `stack.changed` where a file is no longer what the plan showed, `stack.not_writable`, `cache.not_writable`, `disk.…`
 */
export async function writeStack({ host, changes, emit }: WriteStackRequest): Promise<void> {
  for (const change of changes) await requireAsPlanned(host, change);
  for (const [index, change] of changes.entries()) {
    for (const folder of change.folders) await makeFolder(host, folder);
    if (change.action === "unchanged") await closeFile(host, change);
    else {
      if (index > 0) await requireAsPlanned(host, change, "");
      await writeChange(host, change);
    }
    emit({
      type: "file.written",
      path: change.path,
      action: change.action,
      ...(change.backupPath === undefined ? {} : { backupPath: change.backupPath }),
    });
  }
}

async function writeChange(host: Host, change: StackChange): Promise<void> {
  const { path: file, oldContent, content, mode, forbiddenBits, backupPath } = change;
  try {
    if (backupPath !== undefined && oldContent !== null) {
      await writeAtomically({
        host,
        path: backupPath,
        content: textOfFile(oldContent),
        mode,
        forbiddenBits,
      });
    }
    await writeAtomically({ host, path: file, content: textOfFile(content), mode, forbiddenBits });
  } catch (error) {
    throw fileFailure(error, { folder: path.dirname(file), area: "stack" }) ?? error;
  }
}

/** Between the summary page and yes a person may have edited a file: what they were not shown is not overwritten. */
async function requireAsPlanned(
  host: Host,
  change: StackChange,
  before = "Nothing was written. ",
): Promise<void> {
  const now = await readIfThere(host, change.path).catch(() => null);
  const { oldContent } = change;
  if (now === (oldContent === null ? null : textOfFile(oldContent))) return;
  throw failure("stack.changed", { file: change.path, before });
}

/** A secret that is there already may lie open. */
async function closeFile(host: Host, { path: file, forbiddenBits }: StackChange): Promise<void> {
  if (forbiddenBits === 0) return;
  try {
    const { mode } = await host.files.stat(file);
    if ((mode & forbiddenBits) !== 0) await host.files.chmod(file, mode & 0o7777 & ~forbiddenBits);
  } catch (error) {
    throw fileFailure(error, { folder: path.dirname(file), area: "stack" }) ?? error;
  }
}

async function makeFolder(host: Host, needed: NeededFolder): Promise<void> {
  const { path: folder, mode, area, closed = false } = needed;
  try {
    await host.files.mkdir(folder, { recursive: true, mode });
    if (closed && ((await host.files.stat(folder)).mode & 0o002) !== 0) {
      await host.files.chmod(folder, mode);
    }
  } catch (error) {
    throw fileFailure(error, { folder, area }) ?? error;
  }
}
