import { dirname, join } from "node:path";
import type { PlannedFile } from "../../run/events/plan.ts";
import { fileFailure, type FilePlace } from "../../run/file-failure.ts";
import { Secret } from "../../run/secret.ts";
import { failure } from "../../run/failures/table.ts";
import type { Host } from "../../host/host.ts";
import type { Emit } from "../../run/event.ts";
import type { CatalogService, Stack, StoreName } from "../../catalog/stack.ts";
import type { ModelsMount } from "../../plan/storage.ts";
import { readIfThere, writeAtomically } from "../../host/text-files.ts";
import { isOpenToOthers } from "./readers.ts";

/** A service of the catalog with the answers filled in. */
export interface PlannedService extends Pick<
  CatalogService,
  "name" | "mounts" | "environment" | "token" | "gpus" | "memory" | "command" | "bakedModels"
> {
  /** None of its groups is chosen: it does not run. */
  readonly isOff: boolean;
  readonly warmup: PlannedWarmup | null;
}

/** A container that looks for the models before its service starts. */
export interface PlannedWarmup {
  readonly name: string;
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly token: boolean;
}

/** Where a store is kept, and how containers get it. */
export interface StorePlace {
  /** Absolute; of the Hub's cache the folder that holds `models--…`. */
  readonly folder: string;
  readonly mount: ModelsMount;
}

/** What the answers mean for the stack. */
export interface Deployment {
  readonly stack: Stack;
  /** Those that services mount. */
  readonly stores: Readonly<Partial<Record<StoreName, StorePlace>>>;
  readonly services: readonly PlannedService[];
  /** Whether services start at once, or when every chosen model is there; `warmup`: without heros too. */
  readonly startup: "progressive" | "wait" | "warmup";
  /** Of the Hub, or of a mirror; null for the Hub's usual address. */
  readonly endpoint: string | null;
  /** Where the stack answers on this machine. */
  readonly port: number;
  /** The Hub token that the person chose to keep; null keeps what is there. */
  readonly token: Secret | null;
  /** How many GPUs containers can reach here. */
  readonly gpus: number;
  /** Whether another service with this image needs one, by the catalog. */
  needsGpu(image: string): boolean;
}

/** A folder that must be there before the file, or the container, that uses it. */
export interface NeededFolder {
  readonly path: string;
  readonly mode: number;
  /** It holds secrets: one that everybody may write to, although it was there before, gets this mode. */
  readonly closed?: boolean;
  /** Whose it is: of the models, or of the stack's files. */
  readonly area: FilePlace["area"];
}

/** What is in a file: a secret where it holds one, or may, for whoever made it could write anything into it. */
export type FileContent = string | Secret;

/** To be written, or compared; never to be shown. */
export function textOfFile(content: FileContent): string {
  return content instanceof Secret ? content.reveal() : content;
}

/** One file of the stack as it is and as it will be. */
export interface StackChange extends PlannedFile {
  /** Null where there is no file yet. */
  readonly oldContent: FileContent | null;
  readonly content: FileContent;
  /** Of a new file; a file that is there keeps the permissions it has, without these. */
  readonly mode: number;
  /** Permission bits that are taken from a file that is there already. */
  readonly forbiddenBits: number;
  readonly folders: readonly NeededFolder[];
}

/** The same changes as the summary page and the plan event show them. */
export function toPlannedFiles(changes: readonly StackChange[]): readonly PlannedFile[] {
  return changes.map(({ path, action, diff, backupPath }) => ({
    path,
    action,
    ...(diff === undefined ? {} : { diff }),
    ...(backupPath === undefined ? {} : { backupPath }),
  }));
}

/** Where a token is kept that the person chose to keep. */
export function keptTokenFile(stackDir: string): string {
  return join(stackDir, "secrets", "hf_token");
}

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
    throw fileFailure(error, { folder: dirname(file), area: "stack" }) ?? error;
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
    if ((mode & forbiddenBits) === 0 || !(await isOpenToOthers(host, file, mode))) return;
    await host.files.chmod(file, mode & 0o7777 & ~forbiddenBits);
  } catch (error) {
    throw fileFailure(error, { folder: dirname(file), area: "stack" }) ?? error;
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
