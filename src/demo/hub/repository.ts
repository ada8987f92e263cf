import { createHash } from "node:crypto";
import { textOf } from "../../host/network.ts";
import { type ByteSource, fixedBytes, generatedBytes, hashBytes } from "./content.ts";
import { type Exchange, sendError, sendJson } from "./exchange.ts";

/** A file to serve: generated from its size, or with this content. */
export type FileSpec = {
  readonly path: string;
  /** As LFS: a redirect to the other origin. Left out, its name and size decide. */
  readonly lfs?: boolean;
} & (
  | { readonly sizeBytes: number; /** Left out: repository and path. */ readonly seed?: string }
  | { readonly content: string | Uint8Array }
);

export interface RepoSpec {
  /** `openai/whisper-large-v3`. */
  readonly id: string;
  readonly files: readonly FileSpec[];
  /** Default `main`. */
  readonly branch?: string;
  /** 40 hex digits. Left out: derived from the files. */
  readonly commit?: string;
  /** `private` hides it from all who may not read it; `gated` shows the list, not the files. Default `public`. */
  readonly access?: "public" | "private" | "gated";
  /** Tokens that may read it. Left out: every token that the Hub knows. */
  readonly readers?: readonly string[];
  /** Its list names a Xet hash for each LFS file. */
  readonly xet?: boolean;
}

/** What names a file's bytes. */
export interface FileIdentity {
  readonly sizeBytes: number;
  readonly lfs: boolean;
  /** Of the blob, or of the LFS pointer that stands for it. */
  readonly gitSha1: string;
  /** Null for a file that is not LFS. */
  readonly sha256: string | null;
  readonly pointerBytes: number;
  /** The name in the cache's `blobs` folder, which is also the ETag. */
  readonly blobName: string;
}

export interface HostedFile {
  readonly repo: string;
  readonly path: string;
  readonly lfs: boolean;
  readonly source: ByteSource;
  /** Worked out at the first call. */
  identify(): Promise<FileIdentity>;
}

export interface Commit {
  readonly sha: string;
  /** By path, sorted. */
  readonly files: ReadonlyMap<string, HostedFile>;
}

export interface HostedRepo {
  readonly spec: RepoSpec;
  readonly branches: ReadonlyMap<string, string>;
  readonly commits: ReadonlyMap<string, Commit>;
}

const lfsThresholdBytes = 10 * 1024 * 1024;
const lfsNames =
  /\.(safetensors|bin|pt|pth|onnx|model|msgpack|h5|gguf|ckpt|wav)$|(^|\/)tokenizer\.json$/;

/** The repository with one commit more, to which the branch then points; earlier commits stay. */
export function addCommit(spec: RepoSpec, before: HostedRepo | undefined): HostedRepo {
  const files = spec.files
    .map((file) => hostFile(spec.id, file))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const branch = spec.branch ?? "main";
  const sha = spec.commit ?? deriveCommit(spec);
  const commit: Commit = { sha, files: new Map(files.map((file) => [file.path, file])) };
  return {
    spec,
    branches: new Map([...(before?.branches ?? []), [branch, sha]]),
    commits: new Map([...(before?.commits ?? []), [sha, commit]]),
  };
}

export function findCommit(repo: HostedRepo, revision: string): Commit | undefined {
  const name = revision === "HEAD" ? defaultRevision(repo) : revision;
  return repo.commits.get(repo.branches.get(name) ?? name);
}

/** What a request without a revision means. */
export function defaultRevision(repo: HostedRepo): string {
  return repo.branches.has("main") ? "main" : (repo.spec.branch ?? "main");
}

function deriveCommit(spec: RepoSpec): string {
  const hash = createHash("sha1").update(spec.id);
  for (const file of spec.files) {
    hash.update(`\0${file.path}\0`);
    hash.update("content" in file ? file.content : `${file.sizeBytes}\0${file.seed ?? ""}`);
  }
  return hash.digest("hex");
}

function hostFile(repo: string, spec: FileSpec): HostedFile {
  const source =
    "content" in spec
      ? fixedBytes(spec.content)
      : generatedBytes(spec.seed ?? `${repo}/${spec.path}`, spec.sizeBytes);
  const lfs = spec.lfs ?? (lfsNames.test(spec.path) || source.sizeBytes > lfsThresholdBytes);
  let identity: Promise<FileIdentity> | undefined;
  return {
    repo,
    path: spec.path,
    lfs,
    source,
    identify: () => (identity ??= lfs ? identifyLfs(source) : identifyGit(source)),
  };
}

async function identifyGit(source: ByteSource): Promise<FileIdentity> {
  const { sizeBytes } = source;
  const gitSha1 = await hashBytes("sha1", source, `blob ${sizeBytes}\0`);
  return { sizeBytes, lfs: false, gitSha1, sha256: null, pointerBytes: 0, blobName: gitSha1 };
}

/** @see https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md for the pointer */
async function identifyLfs(source: ByteSource): Promise<FileIdentity> {
  const { sizeBytes } = source;
  const sha256 = await hashBytes("sha256", source);
  const pointer = fixedBytes(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${sizeBytes}\n`,
  );
  const pointerBytes = pointer.sizeBytes;
  const gitSha1 = await hashBytes("sha1", pointer, `blob ${pointerBytes}\0`);
  return { sizeBytes, lfs: true, gitSha1, sha256, pointerBytes, blobName: sha256 };
}

/** `GET /api/models/{id}[/revision/{rev}]`; `?blobs=true` adds sizes and hashes. */
export async function sendModelInfo(exchange: Exchange, repo: HostedRepo, commit: Commit) {
  const blobs = exchange.url.searchParams.has("blobs");
  const siblings = await Promise.all(
    [...commit.files.values()].map(async (file) =>
      blobs ? { rfilename: file.path, ...(await blobFields(file)) } : { rfilename: file.path },
    ),
  );
  const access = repo.spec.access ?? "public";
  sendJson(exchange, {
    _id: commit.sha.slice(0, 24),
    id: repo.spec.id,
    modelId: repo.spec.id,
    author: repo.spec.id.split("/")[0],
    sha: commit.sha,
    lastModified: "2026-01-01T00:00:00.000Z",
    createdAt: "2026-01-01T00:00:00.000Z",
    private: access === "private",
    gated: access === "gated" ? "auto" : false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    siblings,
  });
}

/** `GET /api/models/{id}/tree/{rev}[/{folder}]`, in pages. */
export async function sendTree(
  exchange: Exchange,
  {
    repo,
    commit,
    folder,
    pageSize,
  }: { repo: HostedRepo; commit: Commit; folder: string; pageSize: number },
) {
  const { url } = exchange;
  const recursive = /^(true|1)$/i.test(url.searchParams.get("recursive") ?? "");
  const expand = /^(true|1)$/i.test(url.searchParams.get("expand") ?? "");
  const entries = listFolder(commit, folder, recursive);
  if (entries.length === 0 && folder !== "") {
    sendError(exchange, 404, "EntryNotFound", `${folder} does not exist on "${commit.sha}"`);
    return;
  }
  const start = Number(url.searchParams.get("cursor") ?? 0);
  const size = Math.min(pageSize, Number(url.searchParams.get("limit") ?? pageSize));
  const page = await Promise.all(
    entries.slice(start, start + size).map((entry) => treeEntry(repo, commit, entry, expand)),
  );
  const next = new URL(url);
  next.searchParams.set("cursor", String(start + size));
  sendJson(
    exchange,
    page,
    start + size < entries.length ? { Link: `<${next.href}>; rel="next"` } : {},
  );
}

/** `POST /api/models/{id}/paths-info/{rev}` with `paths` and `expand`, as JSON or as a form. */
export async function sendPathsInfo(exchange: Exchange, repo: HostedRepo, commit: Commit) {
  const { paths, expand } = parsePathsInfo(await textOf(exchange.request));
  const entries = paths.flatMap((path): Entry[] => {
    const file = commit.files.get(path);
    if (file !== undefined) return [file];
    return listFolder(commit, path, true).length > 0 ? [path] : [];
  });
  sendJson(
    exchange,
    await Promise.all(entries.map((entry) => treeEntry(repo, commit, entry, expand))),
  );
}

/** A file, or the path of a folder. */
type Entry = HostedFile | string;

function listFolder(commit: Commit, folder: string, recursive: boolean): Entry[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const entries: Entry[] = [];
  const folders = new Set<string>();
  for (const file of commit.files.values()) {
    if (!file.path.startsWith(prefix)) continue;
    const names = file.path.slice(prefix.length).split("/");
    for (let depth = 1; depth < (recursive ? names.length : Math.min(2, names.length)); depth++) {
      const path = prefix + names.slice(0, depth).join("/");
      if (!folders.has(path)) entries.push(path);
      folders.add(path);
    }
    if (recursive || names.length === 1) entries.push(file);
  }
  return entries;
}

async function treeEntry(repo: HostedRepo, commit: Commit, entry: Entry, expand: boolean) {
  const lastCommit = { id: commit.sha, title: "Upload", date: "2026-01-01T00:00:00.000Z" };
  const expanded = expand ? { lastCommit } : {};
  if (typeof entry === "string") {
    const oid = createHash("sha1").update(`${commit.sha}/${entry}`).digest("hex");
    return { type: "directory", oid, size: 0, path: entry, ...expanded };
  }
  const { sizeBytes, gitSha1, sha256, pointerBytes } = await entry.identify();
  const xetHash = repo.spec.xet === true ? { xetHash: sha256 } : {};
  return {
    type: "file",
    oid: gitSha1,
    size: sizeBytes,
    path: entry.path,
    ...(sha256 === null
      ? {}
      : { lfs: { oid: sha256, size: sizeBytes, pointerSize: pointerBytes }, ...xetHash }),
    ...(expand ? { ...expanded, securityFileStatus: { status: "safe" } } : {}),
  };
}

async function blobFields(file: HostedFile) {
  const { sizeBytes, gitSha1, sha256, pointerBytes } = await file.identify();
  const lfs =
    sha256 === null ? {} : { lfs: { sha256, size: sizeBytes, pointerSize: pointerBytes } };
  return { size: sizeBytes, blobId: gitSha1, ...lfs };
}

function parsePathsInfo(text: string): { paths: string[]; expand: boolean } {
  if (!text.startsWith("{")) {
    const form = new URLSearchParams(text);
    return { paths: form.getAll("paths"), expand: /true/i.test(form.get("expand") ?? "") };
  }
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) return { paths: [], expand: false };
  const paths = "paths" in value ? [value.paths].flat() : [];
  return {
    paths: paths.filter((path) => typeof path === "string"),
    expand: "expand" in value && value.expand === true,
  };
}
