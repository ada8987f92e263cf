import type { Exchange, Refusal } from "../exchange.ts";

/** What the Hub's addresses answer from: a cache, or made-up models. */
export interface ServedModels {
  /** The commit that is asked for, if it is there and this client may have it. */
  find(exchange: Exchange, wanted: WantedCommit): Promise<FoundCommit>;
  /** Whose token came along; null for nobody's. */
  accountOf(exchange: Exchange): { readonly name: string } | null;
}

export interface WantedCommit {
  /** `owner/name`, or `name` alone. */
  readonly repo: string;
  /** A branch, a tag or a commit; null for what a request without one means. */
  readonly revision: string | null;
  /** Its list is for more people than its files, where a model is gated. */
  readonly purpose: "list" | "files";
}

export type FoundCommit =
  | { readonly commit: ServedCommit }
  | { readonly refusal: Refusal }
  /** It is called otherwise now. */
  | { readonly renamed: string };

export interface ServedCommit {
  readonly repo: string;
  /** 40 hex digits. */
  readonly sha: string;
  readonly access: "public" | "gated" | "private";
  list(): Promise<FileList>;
  /** Null for one that the commit does not have. */
  file(path: string): Promise<ServedFile | null>;
}

export interface FileList {
  /** Sorted by path. */
  readonly files: readonly ServedFile[];
  /** The commit may have others, which can't be had here. */
  readonly isPartial: boolean;
}

export interface ServedFile {
  readonly path: string;
  identify(): Promise<FileIdentity>;
  /** Answers with the content. `headers` name the commit and the file. @throws as `sendContent` */
  send(exchange: Exchange, headers: Readonly<Record<string, string>>): Promise<void>;
}

/** What names a file's bytes. */
export interface FileIdentity {
  readonly sizeBytes: number;
  /** Of the blob, or of the LFS pointer that stands for it. */
  readonly gitSha1: string;
  /** Null for a file that is not LFS. */
  readonly sha256: string | null;
  /** Of an LFS file; else 0. */
  readonly pointerBytes: number;
  /** As its list names it; left out where there is none. */
  readonly xetHash?: string;
}

/** The name in a cache's `blobs` folder, which is also the ETag. */
export function blobNameOf({ gitSha1, sha256 }: FileIdentity): string {
  return sha256 ?? gitSha1;
}

/** @see https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md */
export function lfsPointer(sha256: string, sizeBytes: number): string {
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${sizeBytes}\n`;
}
