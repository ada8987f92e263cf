import { createHash } from "node:crypto";
import { type FileIdentity, lfsPointer } from "../../serve/hub/served-models.ts";
import { type ByteSource, fixedBytes, generatedBytes, hashBytes } from "./content.ts";

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

export interface HostedIdentity extends FileIdentity {
  readonly lfs: boolean;
  /** The name in the cache's `blobs` folder, which is also the ETag. */
  readonly blobName: string;
}

export interface HostedFile {
  readonly repo: string;
  readonly path: string;
  readonly lfs: boolean;
  readonly source: ByteSource;
  /** Worked out at the first call. */
  identify(): Promise<HostedIdentity>;
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
  let identity: Promise<HostedIdentity> | undefined;
  return {
    repo,
    path: spec.path,
    lfs,
    source,
    identify: () => (identity ??= lfs ? identifyLfs(source) : identifyGit(source)),
  };
}

async function identifyGit(source: ByteSource): Promise<HostedIdentity> {
  const { sizeBytes } = source;
  const gitSha1 = await hashBytes("sha1", source, `blob ${sizeBytes}\0`);
  return { sizeBytes, lfs: false, gitSha1, sha256: null, pointerBytes: 0, blobName: gitSha1 };
}

async function identifyLfs(source: ByteSource): Promise<HostedIdentity> {
  const { sizeBytes } = source;
  const sha256 = await hashBytes("sha256", source);
  const pointer = fixedBytes(lfsPointer(sha256, sizeBytes));
  const pointerBytes = pointer.sizeBytes;
  const gitSha1 = await hashBytes("sha1", pointer, `blob ${pointerBytes}\0`);
  return { sizeBytes, lfs: true, gitSha1, sha256, pointerBytes, blobName: sha256 };
}
