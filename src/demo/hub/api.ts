import { createHash } from "node:crypto";
import { type Exchange, sendError, sendJson } from "./exchange.ts";
import type { Commit, HostedFile, HostedRepo } from "./repository.ts";
import { textOf } from "../../host/network.ts";

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
