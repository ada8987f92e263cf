import { createHash } from "node:crypto";
import { mkdir, open, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hashBytes, type ByteSource } from "../../src/demo/hub/content.ts";
import { addCommit, type HostedFile, type RepoSpec } from "../../src/demo/hub/repository.ts";

/** A file that every contestant fetches. */
export interface ServedFile {
  readonly repo: string;
  readonly commit: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Name of the file on the server, as in the Hub's cache. */
  readonly blobName: string;
  /** Answered with a redirect to the origin of the content. */
  readonly lfs: boolean;
  /** Of the same bytes in the store that an upload left in `<folder>/xet-store`; left out: the server has no Xet. */
  readonly xetHash?: string;
}

/** Files of a commit, and how they get into that store. */
export interface HostedCommit {
  readonly repo: string;
  readonly commit: string;
  readonly files: readonly HostedFile[];
  readonly upload?: (blob: string) => Promise<string>;
}

/** Writes bytes to `<folder>/blobs` and the Hub's answers to `<folder>/api/…`, under the very paths that are asked for. */
export async function hostFiles(
  folder: string,
  specs: readonly RepoSpec[],
): Promise<readonly ServedFile[]> {
  const served: ServedFile[] = [];
  for (const spec of specs) {
    for (const [commit, { files }] of addCommit(spec, undefined).commits) {
      const hosted = { repo: spec.id, commit, files: [...files.values()] };
      served.push(...(await hostCommit(folder, hosted)));
    }
  }
  return served;
}

export async function hostCommit(
  folder: string,
  { repo, commit, files, upload }: HostedCommit,
): Promise<readonly ServedFile[]> {
  const served: ServedFile[] = [];
  const entries: TreeEntry[] = [];
  for (const file of files) {
    const { entry, ...rest } = await describe(file);
    const blob = join(folder, "blobs", rest.blobName);
    await writeBlob(blob, file.source);
    const xet = upload === undefined ? {} : { xetHash: await upload(blob) };
    entries.push({ ...entry, ...xet });
    served.push({ repo, commit, ...rest, ...xet });
  }
  await writeAnswers(join(folder, "api/models", repo), commit, entries);
  return served;
}

interface TreeEntry {
  readonly type: "file";
  readonly path: string;
  readonly size: number;
  readonly oid: string;
  readonly xetHash?: string;
}

async function describe({ path, source, lfs, identify }: HostedFile) {
  const { sizeBytes, gitSha1, sha256, pointerBytes, blobName } = await identify();
  const pointer =
    sha256 === null ? {} : { lfs: { oid: sha256, size: sizeBytes, pointerSize: pointerBytes } };
  const entry: TreeEntry = { type: "file", path, size: sizeBytes, oid: gitSha1, ...pointer };
  return {
    path,
    sizeBytes,
    lfs,
    blobName,
    entry,
    sha256: sha256 ?? (await hashBytes("sha256", source)),
  };
}

async function writeBlob(target: string, source: ByteSource): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const file = await open(target, "w");
  try {
    for (let offset = 0; offset < source.sizeBytes;) {
      const part = source.slice(offset, 1024 * 1024);
      await file.write(part, 0, part.length, offset);
      offset += part.length;
    }
  } finally {
    await file.close();
  }
}

/** What `revision`, `tree` and `paths-info` answer. */
export async function writeAnswers(
  folder: string,
  commit: string,
  entries: readonly TreeEntry[],
): Promise<void> {
  const id = folder.split("/").slice(-2).join("/");
  const siblings = entries.map(({ path }) => ({ rfilename: path }));
  const info = { _id: commit.slice(0, 24), id, modelId: id, sha: commit, private: false };
  const rest = { gated: false, downloads: 0, likes: 0, tags: [], siblings };
  const lastModified = "2026-01-01T00:00:00.000Z";
  const revision = { ...info, ...rest, lastModified, createdAt: lastModified };
  await writeJson(join(folder, "revision", commit), revision);
  await writeJson(join(folder, "tree", commit), entries.flatMap(withFolders()));
  const lastCommit = { id: commit, title: "Upload", date: lastModified };
  for (const entry of entries) {
    const expanded = { ...entry, lastCommit, securityFileStatus: { status: "safe" } };
    await writeJson(join(folder, "paths-info", commit, entry.path), [expanded]);
  }
}

/** Puts a folder before the first file that is in it, as the Hub lists them. */
function withFolders() {
  const seen = new Set(["."]);
  return (entry: TreeEntry) => {
    const path = dirname(entry.path);
    if (seen.has(path)) return [entry];
    seen.add(path);
    const oid = createHash("sha1").update(path).digest("hex");
    return [{ type: "directory", oid, size: 0, path }, entry];
  };
}

async function writeJson(target: string, value: unknown): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, JSON.stringify(value));
}
