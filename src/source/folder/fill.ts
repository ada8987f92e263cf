import { createHash } from "node:crypto";
import { basename, dirname, join, sep } from "node:path";
import type { Host } from "../../host/host.ts";
import { writeAtomically } from "../../host/text-files.ts";
import { diskFailure, pathOf } from "../../run/file-failure.ts";
import { errorCode, Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { FileHash } from "../../run/repos/file-listing.ts";
import type { DiskFolder } from "../../run/repos/folder.ts";
import { manifestName, manifestText, parseManifest, withModel } from "../model-manifest.ts";
import type { PlacedModel } from "../placed-models.ts";
import { openDisk } from "./disk.ts";

/** A file of this machine, and what it is to be below the folder. */
export interface CopiedFile {
  readonly file: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly hash: FileHash;
}

/** A folder that models are written to. */
export interface FilledFolder {
  /** Makes the folder where only it is missing, and takes its lock. @throws Failure `folder.not_found`, `folder.busy`, … */
  begin(signal: AbortSignal): Promise<void>;
  /** A file has its name only when it is whole. */
  isStored(file: CopiedFile): Promise<boolean>;
  /** @param onSent hears of bytes. @throws Failure `cache.changed`, `folder.unsafe_link`, … */
  copy(file: CopiedFile, onSent: (bytes: number) => void, signal: AbortSignal): Promise<void>;
  /** Adds a model, all of whose files are there, to the list. */
  list(model: PlacedModel, signal: AbortSignal): Promise<void>;
  end(): void;
  /** What an error of the folder means. Others are passed through. */
  failureOf(error: unknown): unknown;
}

const pieceBytes = 1024 * 1024;

export function fillFolder(
  host: Pick<Host, "files" | "fileLocks" | "pid" | "random">,
  folder: DiskFolder,
): FilledFolder {
  const { files, fileLocks } = host;
  const { path: root, called: place } = folder;
  const lock = join(root, ".heros.lock");
  const manifest = join(root, manifestName);

  /** Models that are there; none where there is no list. */
  async function readModels(signal: AbortSignal): Promise<PlacedModel[]> {
    const stats = await files.lstat(manifest).catch(() => null);
    if (stats === null) return [];
    // Whoever replaces it would write where the link leads.
    if (stats.isSymbolicLink()) throw failure("folder.unsafe_link", { place, file: manifestName });
    const bad = (problem: string, cause?: unknown): Failure =>
      failure("folder.bad_manifest", { place, problem }, cause);
    const bytes = await openDisk(files, folder).readManifest(signal);
    return parseManifest({ bytes, prefix: "", bad });
  }

  return {
    async begin(signal) {
      try {
        await files.mkdir(root);
      } catch (error) {
        if (errorCode(error) === "ENOENT") throw failure("folder.not_found", { place }, error);
        if (errorCode(error) !== "EEXIST") throw error;
      }
      // Where nothing can be locked, it goes on, as everywhere.
      if ((await fileLocks.acquire(lock)) === "busy") throw failure("folder.busy", { place });
      await readModels(signal);
    },
    async isStored({ key, sizeBytes }) {
      const stats = await files.lstat(join(root, key)).catch(() => null);
      return stats !== null && stats.isFile() && stats.size === sizeBytes;
    },
    async copy({ file, key, sizeBytes, hash }, onSent, signal) {
      const target = join(root, key);
      const parent = dirname(target);
      await files.mkdir(parent, { recursive: true });
      const [realRoot, real] = await Promise.all([files.realpath(root), files.realpath(parent)]);
      if (!`${real}${sep}`.startsWith(realRoot === sep ? sep : realRoot + sep)) {
        throw failure("folder.unsafe_link", { place, file: key });
      }
      const temporary = join(parent, `.heros-part-${hash.hex}-${basename(target).slice(0, 40)}`);
      await files.rm(temporary, { force: true });
      try {
        await using source = await files.open(file, "r");
        await using copied = await files.open(temporary, "wx", 0o644);
        const digest = createHash(hash.algorithm === "sha256" ? "sha256" : "sha1");
        if (hash.algorithm === "git-sha1") digest.update(`blob ${sizeBytes}\0`);
        const piece = Buffer.allocUnsafe(pieceBytes);
        for (;;) {
          signal.throwIfAborted();
          const { bytesRead } = await source.read(piece, 0, pieceBytes, null);
          if (bytesRead === 0) break;
          const bytes = piece.subarray(0, bytesRead);
          digest.update(bytes);
          await copied.writeFile(bytes);
          onSent(bytesRead);
        }
        if (digest.digest("hex") !== hash.hex) {
          throw failure("cache.changed", { repo: place, path: file });
        }
        await copied.sync();
        await files.rename(temporary, target);
      } finally {
        await files.rm(temporary, { force: true }).catch(() => {});
      }
    },
    async list(model, signal) {
      const before = await readModels(signal);
      const content = manifestText(withModel(before, model));
      if (before.length > 0 && content === manifestText(before)) return;
      await writeAtomically({ host, path: manifest, content, mode: 0o644 });
    },
    end: () => fileLocks.release(lock),
    failureOf(error) {
      const code = errorCode(error);
      if (error instanceof Failure || code === null) return error;
      const path = pathOf(error);
      if (path !== null && path !== root && !path.startsWith(root + sep)) return error;
      return (
        diskFailure(error, root) ?? failure("folder.not_writable", { place, reason: code }, error)
      );
    },
  };
}
