import { createHash } from "node:crypto";
import type { Host } from "../../host/host.ts";
import { sideBySide } from "../../run/concurrency.ts";
import type { ListedFile } from "../../run/repos/file-listing.ts";
import { isRepoId, isSafePath } from "../../source/hub/listing.ts";
import type { RepoPlaces } from "../../store/hub-cache/layout.ts";
import { commitOf, fileOfSnapshot, listSnapshot } from "../../store/hub-cache/look-up.ts";
import { type Exchange, type Refusal, sendError } from "../exchange.ts";
import { sendFile } from "../send-file.ts";
import { type CacheFiles, cacheFiles } from "./cache-files.ts";
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

/** Who may have a model: what the Hub says to anybody. `unknown`: it could not be asked. */
export type Access = "public" | "gated" | "hidden" | "unknown";

export interface CachedModelsOptions {
  readonly host: Pick<Host, "files" | "routes" | "clock">;
  /** The root that holds `models--…` folders. */
  readonly cacheDir: string;
  readonly accessOf: (repo: string) => Promise<Access>;
  /** All files of a commit by their paths, where an earlier run has kept their list; else null. */
  readonly keptListing: (repo: string, commit: string) => Promise<FilesByPath | null>;
}

export type FilesByPath = ReadonlyMap<string, ListedFile>;

/** The models of this machine's Hub cache, complete or not: those files that are there. */
export function cachedModels(options: CachedModelsOptions): ServedModels {
  const { host, cacheDir, accessOf, keptListing } = options;
  const contents = cacheFiles(host, cacheDir);
  const { files } = host;

  async function find(exchange: Exchange, wanted: WantedCommit): Promise<FoundCommit> {
    const { repo } = wanted;
    const revision =
      wanted.revision === null || wanted.revision === "HEAD" ? "main" : wanted.revision;
    if (!isRepoId(repo) || !isSafePath(revision)) return { refusal: notThere };
    const access = await accessOf(repo);
    const refusal = refusalOf(exchange, access);
    if (refusal !== null) return { refusal };
    const places = await contents.placesOf(repo);
    if (places === null) return { refusal: notThere };
    const sha = await commitOf(files, places, revision);
    const commit = sha === null ? null : await listedCommit(places, repo, sha);
    if (commit !== null) return { commit: served(commit, { repo, access, contents }) };
    const isHere = await files.stat(places.root).then(
      () => true,
      () => false,
    );
    const message = `This server does not have ${repo} at ${revision}`;
    return { refusal: isHere ? { status: 404, code: "RevisionNotFound", message } : notThere };
  }

  /** Null where there is nothing of it. */
  async function listedCommit(
    places: RepoPlaces,
    repo: string,
    sha: string,
  ): Promise<ListedCommit | null> {
    const kept = await keptListing(repo, sha);
    if (kept !== null) {
      const all = async () => [...kept.values()];
      return { sha, isWhole: true, all, one: async (path) => kept.get(path) ?? null };
    }
    const folder = `${places.snapshots}/${sha}`;
    if ((await files.stat(folder).catch(() => null)) === null) return null;
    return {
      sha,
      isWhole: false,
      all: () => listSnapshot(files, places, { repo, commit: sha }).catch(() => []),
      one: (path) => fileOfSnapshot(files, places, { commit: sha, path }),
    };
  }

  return {
    find,
    accountOf: ({ authorized, confidential }) =>
      authorized && confidential ? { name: "heros" } : null,
  };
}

/** A commit's files, here or not. */
interface ListedCommit {
  readonly sha: string;
  /** The list is all that the commit has. */
  readonly isWhole: boolean;
  readonly all: () => Promise<readonly ListedFile[]>;
  readonly one: (path: string) => Promise<ListedFile | null>;
}

interface Served {
  readonly repo: string;
  readonly access: Access;
  readonly contents: CacheFiles;
}

function served(commit: ListedCommit, { repo, access, contents }: Served): ServedCommit {
  const { sha } = commit;
  const fileOf = (file: ListedFile): ServedFile => servedFile(file, { repo, sha, contents });
  return {
    repo,
    sha,
    access: access === "public" || access === "gated" ? access : "private",
    async list(): Promise<FileList> {
      const all = (await commit.all()).filter(isNamed);
      const { signal } = new AbortController();
      const has = await sideBySide(all, 64, signal, (file) => contents.has(repo, sha, file));
      const here = all.filter((_file, index) => has[index] === true);
      return {
        files: here.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map(fileOf),
        isPartial: !commit.isWhole || here.length < all.length,
      };
    },
    async file(path) {
      const file = isSafePath(path) ? await commit.one(path) : null;
      return file === null || !isNamed(file) ? null : fileOf(file);
    },
  };
}

/** A plain copy in a snapshot says nothing of its hash, by which clients know a file. */
function isNamed({ blobName }: ListedFile): boolean {
  return /^[\da-f]{40}(?:[\da-f]{24})?$/u.test(blobName);
}

function servedFile(
  file: ListedFile,
  {
    repo,
    sha,
    contents,
  }: { readonly repo: string; readonly sha: string; readonly contents: CacheFiles },
): ServedFile {
  const { path, sizeBytes, blobName: etag } = file;
  return {
    path,
    identify: async () => identityOf(file),
    async send(exchange, headers) {
      const isHead = exchange.request.method === "HEAD";
      if (isHead && !(await contents.has(repo, sha, file))) return refuse(exchange, headers);
      const open = async () => {
        const handle = await contents.open(repo, sha, file);
        if (handle === null) throw new NotHere();
        return handle;
      };
      await sendFile(exchange, { sizeBytes, etag, headers, open }).catch((error: unknown) => {
        if (!(error instanceof NotHere)) throw error;
        refuse(exchange, headers);
      });
    },
  };

  function refuse(exchange: Exchange, headers: Readonly<Record<string, string>>): void {
    const message = `This server does not have ${path} of ${repo}`;
    sendError(exchange, { status: 404, code: "EntryNotFound", message, headers });
  }
}

class NotHere extends Error {}

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
function refusalOf({ authorized, confidential }: Exchange, access: Access): Refusal | null {
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
