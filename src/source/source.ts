import type { ByteStream, HttpResponse, Reach } from "../host/network.ts";
import type { Failure } from "../run/failure.ts";
import { type Listing, type RepoScheme, schemeOf } from "../run/repos/file-listing.ts";

/**
 * Where bytes come from: the Hub; later a registry, a bucket, a folder. Every call throws Failure for what a person can
 * fix, and AbortError.
 */
export interface Source {
  /** The address that sentences name. */
  readonly endpoint: string;
  /** True where only what is kept may be asked. */
  readonly offline: boolean;
  /** The files of a repository at a revision, with their sizes and digests. Of a commit it is kept on disk and asked for once. */
  list(repo: string, revision: string, signal: AbortSignal): Promise<Listing>;
  /** Whether the files of a repository can be had, before the first byte of any. @throws Failure `hub.gated`, … */
  requireAccess(repo: string, commit: string, path: string, signal: AbortSignal): Promise<void>;
  /** Bytes of a file. @throws TransientError where a later request may do better */
  open(request: FileRequest): Promise<OpenedFile>;
  /** What a request for a file of `repo` ended with after the last try, as a failure that says what to do. Others are passed through. */
  failureOf(error: unknown, repo: string): unknown;
  /** What a failure of its own, of a file of `repo`, means for the other files. */
  scopeOf(failure: Failure, repo: string): FailureScope;
  /** Who serves a repository's files, where there is more than one: those of one server wait together. */
  serverOf?(repo: string): string;
  /** Of several as one: whether this kind of repository is theirs. Left out, the Hub's alone are. */
  takes?(scheme: RepoScheme): boolean;
}

/** A source with accounts, as the Hub is. */
export interface Hub extends Source {
  /** Whose token this is. */
  whoAmI(signal: AbortSignal): Promise<{ name: string }>;
}

/** "network": of one file's server, or of all where nothing else comes either. "all": every file would end so. */
export type FailureScope = "file" | "network" | "all";

export interface FileName {
  readonly repo: string;
  readonly commit: string;
  readonly path: string;
}

export interface FileRequest extends FileName {
  /** The content's name, as the listing promises it. */
  readonly blobName: string;
  /** Bytes from `start` to before `end`; null for the whole file without a Range. */
  readonly range: { readonly start: number; readonly end: number } | null;
  /** Where an earlier request was sent to; null asks the source itself. */
  readonly address: FileAddress | null;
  /** Where there are mirrors: how many of them not to begin with, because they were tried for this file. Default 0. */
  readonly passOver?: number;
  readonly idleTimeoutMs: number;
  /** All files together have no more than these. */
  readonly maxConnections?: number;
  readonly signal: AbortSignal;
}

export interface OpenedFile {
  /** 200, 206 or 416. */
  readonly response: HttpResponse<ByteStream>;
  /** Where the source sent us, good for other ranges of the file for a while; null where it answered itself. */
  readonly address: FileAddress | null;
}

/** A signed address, good for all ranges of a file for a while. Whoever fetches only hands it back. */
export interface FileAddress {
  readonly url: string;
  /** Of who sent us there: the address must not be nearer. */
  readonly reach: Reach;
}

/** A source for each kind of repository that a run fetches from. */
export type SourcesByScheme = { readonly hub: Source } & {
  readonly [Scheme in RepoScheme]?: Source;
};

/** Several sources as one, so that one pool of connections serves them all. The Hub's may be several already. */
export function sourceByRepo(sources: SourcesByScheme): Source {
  const { hub } = sources;
  const of = (repo: string): Source => {
    const scheme = schemeOf(repo);
    const source = sources[scheme] ?? (hub.takes?.(scheme) === true ? hub : undefined);
    if (source === undefined) throw new Error(`no source for ${repo}`);
    return source;
  };
  return {
    endpoint: hub.endpoint,
    offline: Object.values(sources).every(({ offline }) => offline),
    list: async (repo, revision, signal) => of(repo).list(repo, revision, signal),
    requireAccess: async (repo, commit, path, signal) =>
      of(repo).requireAccess(repo, commit, path, signal),
    open: async (request) => of(request.repo).open(request),
    failureOf: (error, repo) => of(repo).failureOf(error, repo),
    scopeOf: (failure, repo) => of(repo).scopeOf(failure, repo),
    serverOf: (repo) => of(repo).serverOf?.(repo) ?? of(repo).endpoint,
    takes: (scheme) => sources[scheme] !== undefined || hub.takes?.(scheme) === true,
  };
}
