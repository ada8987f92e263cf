import type { PlacedFile } from "../placed-models.ts";
import type { FileRequest, OpenedFile } from "../source.ts";

/** How the files of a folder are had. */
export interface FolderFiles {
  /** The whole list of models. @throws Failure `folder.…`, what a later try may better */
  readManifest(signal: AbortSignal): Promise<Buffer>;
  /** Whether a file is there in the size that the list promises. @throws as `readManifest` */
  check(file: PlacedFile, signal: AbortSignal): Promise<void>;
  /** Its bytes. @throws as `readManifest` */
  open(file: PlacedFile, request: FileRequest): Promise<OpenedFile>;
  /** What it ended with after the last try, as a failure that says what to do. Others are passed through. */
  failureOf(error: unknown): unknown;
}
