import type { FileRequest, OpenedFile } from "./files.ts";
import type { HubListing } from "./listing.ts";

/** A Hub that we may ask. Every call throws Failure for what a person can mend, and AbortError. */
export interface Hub {
  readonly endpoint: string;
  /** True where only the cache may be asked. */
  readonly offline: boolean;
  /** The files of a repository at a revision. Of a commit it is kept on disk and asked for once. */
  list(repo: string, revision: string, signal: AbortSignal): Promise<HubListing>;
  /** Whose token this is. */
  whoAmI(signal: AbortSignal): Promise<{ name: string }>;
  resolveUrl(repo: string, commit: string, path: string): string;
  /** Whether the files of a repository can be had, before the first byte of any. @throws Failure `hub.gated`, … */
  requireAccess(repo: string, commit: string, path: string, signal: AbortSignal): Promise<void>;
  /** Bytes of a file. @throws TransientError where a later request may do better */
  open(request: FileRequest): Promise<OpenedFile>;
}
