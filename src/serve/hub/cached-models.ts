import { createHash } from "node:crypto";
import type { Host } from "../../host/host.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { Failure, isAbort } from "../../run/failure.ts";
import { commitPattern, type ListedFile } from "../../run/repos/file-listing.ts";
import { isRepoId, isSafePath } from "../../source/hub/listing.ts";
import type { RepoPlaces } from "../../store/hub-cache/layout.ts";
import { commitOf, fileOfSnapshot, listSnapshot } from "../../store/hub-cache/look-up.ts";
import { type Exchange, type Refusal, sendError } from "../exchange.ts";
import { sendFile } from "../send-file.ts";
import { type CacheFiles, cacheFiles } from "./cache-files.ts";
import type { FetchFiles } from "./fetch-files.ts";
import { sendArriving } from "./send-arriving.ts";
import {
  type FileIdentity,
  type FileList,
  type FoundCommit,
  lfsPointer,
  type ServedCommit,
  type ServedFile,
  type ServedModels,
  type WantedCommit,
} from "./served-models.ts";
import { refusalOf, type Upstream } from "./upstream.ts";

/** Who may have a model: what the Hub says to anybody. `unknown`: it could not be asked. */
export type Access = "public" | "gated" | "hidden" | "unknown";

export interface CachedModelsOptions {
  readonly host: Pick<Host, "files" | "routes" | "clock">;
  /** The root that holds `models--…` folders. */
  readonly cacheDir: string;
  readonly accessOf: (repo: string) => Promise<Access>;
  /** All files of a commit by their paths, where an earlier run has kept their list; else null. */
  readonly keptListing: (repo: string, commit: string) => Promise<FilesByPath | null>;
  /** Brings what is missing; null where only what is here is given. */
  readonly missing: { readonly upstream: Upstream; readonly files: FetchFiles } | null;
}

export type FilesByPath = ReadonlyMap<string, ListedFile>;

/** The models of this machine's Hub cache, complete or not, and those that the Hub has. */
export function cachedModels(options: CachedModelsOptions): ServedModels {
  const { host, cacheDir, accessOf, keptListing, missing } = options;
  const contents = cacheFiles(host, cacheDir);
  const { files } = host;

  async function find(exchange: Exchange, wanted: WantedCommit): Promise<FoundCommit> {
    const { repo } = wanted;
    const named = wanted.revision ?? "main";
    const revision = named === "HEAD" ? "main" : named;
    if (!isRepoId(repo) || !isSafePath(revision)) return { refusal: notThere };
    const access = await accessOf(repo);
    const refusal = refusalFor(exchange, access);
    if (refusal !== null) return { refusal };
    // This machine's own token is used for those alone who have one of this server's.
    const as = access === "public" ? "anybody" : "owner";
    const found = await findCommit({ repo, revision, as });
    return "refusal" in found
      ? found
      : { commit: served(found, { repo, access, as, contents, missing }) };
  }

  /** A branch is what the Hub says, and what this machine has where the Hub does not answer. */
  async function findCommit(wanted: Wanted): Promise<ListedCommit | { refusal: Refusal }> {
    const { repo, revision } = wanted;
    const pinned = commitPattern.test(revision);
    const first = pinned ? await commitHere(repo, revision) : null;
    if (first !== null) return first;
    const asked = await askUpstream(wanted);
    if ("sha" in asked) return asked;
    return (await commitHere(repo, revision)) ?? (await snapshotHere(repo, revision)) ?? asked;
  }

  async function askUpstream(wanted: Wanted): Promise<ListedCommit | { refusal: Refusal }> {
    const { repo, revision, as } = wanted;
    if (missing === null) return { refusal: await lacking(repo, revision) };
    try {
      const { commit, files: all } = await missing.upstream.list(repo, revision, as);
      return listed(commit, (await keptListing(repo, commit)) ?? byPath(all));
    } catch (error) {
      if (!(error instanceof Failure) && !isAbort(error)) throw error;
      return { refusal: refusalOf(error) };
    }
  }

  /** The commit whose list was kept; null where there is none. */
  async function commitHere(repo: string, revision: string): Promise<ListedCommit | null> {
    const places = await contents.placesOf(repo);
    const isNowhere = places === null || !(await isAnyThere(places));
    if (isNowhere && missing === null) return null;
    const sha = places === null ? pinnedIn(revision) : await commitOf(files, places, revision);
    const kept = sha === null ? null : await keptListing(repo, sha);
    return sha === null || kept === null ? null : listed(sha, kept);
  }

  /** The commit that the cache has of it, as it is there. */
  async function snapshotHere(repo: string, revision: string): Promise<ListedCommit | null> {
    const places = await contents.placesOf(repo);
    const sha = places === null ? null : await commitOf(files, places, revision);
    if (places === null || sha === null || !(await isThere(`${places.snapshots}/${sha}`))) {
      return null;
    }
    return unlisted(repo, places, sha);
  }

  function unlisted(repo: string, places: RepoPlaces, sha: string): ListedCommit {
    return {
      sha,
      isWhole: false,
      all: () => listSnapshot(files, places, { repo, commit: sha }).catch(() => []),
      one: (path) => fileOfSnapshot(files, places, { commit: sha, path }),
    };
  }

  async function lacking(repo: string, revision: string): Promise<Refusal> {
    const places = await contents.placesOf(repo);
    if (places === null || !(await isThere(places.root))) return notThere;
    const message = `This server does not have ${repo} at ${revision}`;
    return { status: 404, code: "RevisionNotFound", message };
  }

  async function isAnyThere({ root, staging }: RepoPlaces): Promise<boolean> {
    return (await isThere(root)) || (await isThere(staging));
  }

  function isThere(path: string): Promise<boolean> {
    return files.stat(path).then(
      () => true,
      () => false,
    );
  }

  return {
    find,
    accountOf: ({ authorized, confidential }) =>
      authorized && confidential ? { name: "heros" } : null,
  };
}

interface Wanted {
  readonly repo: string;
  readonly revision: string;
  readonly as: "anybody" | "owner";
}

function pinnedIn(revision: string): string | null {
  return commitPattern.test(revision) ? revision : null;
}

function byPath(files: readonly ListedFile[]): FilesByPath {
  return new Map(files.map((file) => [file.path, file]));
}

/** A commit's files, here or not. */
interface ListedCommit {
  readonly sha: string;
  /** The list is all that the commit has. */
  readonly isWhole: boolean;
  readonly all: () => Promise<readonly ListedFile[]>;
  readonly one: (path: string) => Promise<ListedFile | null>;
}

function listed(sha: string, files: FilesByPath): ListedCommit {
  const all = async () => [...files.values()];
  return { sha, isWhole: true, all, one: async (path) => files.get(path) ?? null };
}

interface Served extends Pick<CachedModelsOptions, "missing"> {
  readonly repo: string;
  readonly access: Access;
  readonly as: "anybody" | "owner";
  readonly contents: CacheFiles;
}

function served(commit: ListedCommit, context: Served): ServedCommit {
  const { repo, access, contents, missing } = context;
  const { sha } = commit;
  const fileOf = (file: ListedFile): ServedFile => servedFile(file, sha, context);
  return {
    repo,
    sha,
    access: access === "public" || access === "gated" ? access : "private",
    async list(): Promise<FileList> {
      const all = (await commit.all()).filter(isNamed);
      const given = commit.isWhole && missing !== null ? all : await hereOf(all);
      return {
        files: given.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map(fileOf),
        isPartial: !commit.isWhole || given.length < all.length,
      };
    },
    async file(path) {
      const file = isSafePath(path) ? await commit.one(path) : null;
      return file === null || !isNamed(file) ? null : fileOf(file);
    },
  };

  async function hereOf(all: readonly ListedFile[]): Promise<readonly ListedFile[]> {
    const { signal } = new AbortController();
    const has = await sideBySide(all, 64, signal, (file) => contents.has(repo, sha, file));
    return all.filter((_file, index) => has[index] === true);
  }
}

/** A plain copy in a snapshot says nothing of its hash, by which clients know a file. */
function isNamed({ blobName }: ListedFile): boolean {
  return /^[\da-f]{40}(?:[\da-f]{24})?$/u.test(blobName);
}

function servedFile(file: ListedFile, sha: string, context: Served): ServedFile {
  const { repo, contents, missing, as } = context;
  const { path, sizeBytes, blobName: etag } = file;
  return {
    path,
    identify: async () => identityOf(file),
    async send(exchange, headers) {
      const wholeOnly = missing?.files.hadWrong(exchange.client, repo, file) === true;
      const content = { sizeBytes, etag, headers, wholeOnly };
      const isHead = exchange.request.method === "HEAD";
      if (isHead && (missing !== null || (await contents.has(repo, sha, file)))) {
        return sendFile(exchange, { ...content, open: notOpened });
      }
      const open = async () => {
        const reader = isHead ? null : await contents.open(repo, sha, file);
        if (reader === null) throw new NotHere();
        return reader;
      };
      try {
        await sendFile(exchange, { ...content, open });
      } catch (error) {
        if (!(error instanceof NotHere)) throw error;
        await sendMissing(exchange, content);
      }
    },
  };

  async function sendMissing(
    exchange: Exchange,
    { headers, wholeOnly }: { headers: Readonly<Record<string, string>>; wholeOnly: boolean },
  ): Promise<void> {
    if (missing === null) {
      const message = `This server does not have ${path} of ${repo}`;
      return sendError(exchange, { status: 404, code: "EntryNotFound", message, headers });
    }
    const source = missing.upstream.source(as);
    const arrival = missing.files.fetch({ repo, commit: sha, file, source });
    const open = () => contents.open(repo, sha, file);
    try {
      await sendArriving(exchange, { arrival, etag, headers, open, wholeOnly });
    } catch (error) {
      if (exchange.response.headersSent || exchange.signal.aborted) throw error;
      const refusal = refusalOf(error);
      sendError(exchange, { ...refusal, headers: { ...headers, ...refusal.headers } });
    }
  }
}

class NotHere extends Error {}

function notOpened(): never {
  throw new Error("nothing is read for HEAD");
}

const identities = new WeakMap<ListedFile, FileIdentity>();

function identityOf(file: ListedFile): FileIdentity {
  const known = identities.get(file) ?? identify(file);
  identities.set(file, known);
  return known;
}

/** A listing does not say what git calls the pointer of an LFS file, but its text is known. */
function identify({ sizeBytes, hash }: ListedFile): FileIdentity {
  if (hash.algorithm === "git-sha1") {
    return { sizeBytes, gitSha1: hash.hex, sha256: null, pointerBytes: 0 };
  }
  const pointer = lfsPointer(hash.hex, sizeBytes);
  const gitSha1 = createHash("sha1").update(`blob ${pointer.length}\0${pointer}`).digest("hex");
  return { sizeBytes, gitSha1, sha256: hash.hex, pointerBytes: pointer.length };
}

const notThere: Refusal = {
  status: 404,
  code: "RepoNotFound",
  message: "This server does not have this model",
};

/** Why a client may not have a model; null where it may. Without a token of this server, one that is not there looks like one that nobody may know of. */
function refusalFor({ authorized, confidential }: Exchange, access: Access): Refusal | null {
  if (access === "public" || (authorized && confidential)) return null;
  if (authorized) {
    const message = "This model is only given over TLS: use the https address of this server";
    return { status: 403, message };
  }
  const code = access === "gated" ? "GatedRepo" : "RepoNotFound";
  const message =
    "This server does not have this model, or gives it only to clients with one of its tokens";
  return { status: 401, code, message };
}
