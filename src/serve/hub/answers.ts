import { createHash } from "node:crypto";
import { isRecord, parseJson } from "../../run/json.ts";
import { partialHeader } from "../../source/hub/listing.ts";
import { type Exchange, sendError, sendJson } from "../exchange.ts";
import type { FileList, ServedCommit, ServedFile } from "./served-models.ts";

/** Nobody knows when the Hub got it. */
const someDay = "2026-01-01T00:00:00.000Z";

/** `GET /api/models/{id}[/revision/{rev}]`; `?blobs=true` adds sizes and hashes. */
export async function sendModelInfo(exchange: Exchange, commit: ServedCommit): Promise<void> {
  const { repo, sha, access } = commit;
  const withBlobs = exchange.url.searchParams.has("blobs");
  const list = await commit.list();
  const siblings = await Promise.all(
    list.files.map(async (file) =>
      withBlobs ? { rfilename: file.path, ...(await blobFields(file)) } : { rfilename: file.path },
    ),
  );
  const answer = {
    _id: sha.slice(0, 24),
    id: repo,
    modelId: repo,
    author: repo.split("/")[0],
    sha,
    lastModified: someDay,
    createdAt: someDay,
    private: access === "private",
    gated: access === "gated" ? "auto" : false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    siblings,
  };
  sendJson(exchange, answer, headersOf(list));
}

/** Says that a list is not all of the commit: who reads it must not keep it for the commit's own. */
function headersOf({ isPartial }: FileList): Record<string, string> {
  return isPartial ? { [partialHeader]: "true" } : {};
}

/** `GET /api/models/{id}/tree/{rev}[/{folder}]`, in pages. */
export async function sendTree(
  exchange: Exchange,
  commit: ServedCommit,
  { folder, pageSize }: { readonly folder: string; readonly pageSize: number },
): Promise<void> {
  const { url } = exchange;
  const { searchParams: query } = url;
  const list = await commit.list();
  const entries = listFolder(list.files, folder, isYes(query.get("recursive")));
  if (entries.length === 0 && folder !== "") {
    const message = `${folder} does not exist on "${commit.sha}"`;
    sendError(exchange, { status: 404, code: "EntryNotFound", message });
    return;
  }
  const start = countOf(query.get("cursor"), 0);
  const size = Math.max(1, Math.min(pageSize, countOf(query.get("limit"), pageSize)));
  const expand = isYes(query.get("expand"));
  const page = await Promise.all(
    entries.slice(start, start + size).map((entry) => treeEntry(commit, entry, expand)),
  );
  const next = new URL(url);
  next.searchParams.set("cursor", String(start + size));
  const isLast = start + size >= entries.length;
  sendJson(exchange, page, {
    ...headersOf(list),
    ...(isLast ? {} : { Link: `<${next.href}>; rel="next"` }),
  });
}

/** As many paths as a client asks about at a time, and more. */
const most = { bytes: 1_000_000, paths: 10_000 };

/** `POST /api/models/{id}/paths-info/{rev}` with `paths` and `expand`, as JSON or as a form. */
export async function sendPathsInfo(exchange: Exchange, commit: ServedCommit): Promise<void> {
  const text = await readQuestion(exchange);
  const question = text === null ? null : parsePathsInfo(text);
  if (question === null) {
    sendError(exchange, { status: 413, message: "Too many paths in one question" });
    return;
  }
  const { paths, expand } = question;
  const list = await commit.list();
  const { files } = list;
  const byPath = new Map(files.map((file) => [file.path, file]));
  const entries = paths.flatMap((path): Entry[] => {
    const file = byPath.get(path);
    if (file !== undefined) return [file];
    return files.some((each) => each.path.startsWith(`${path}/`)) ? [path] : [];
  });
  const infos = entries.map((entry) => treeEntry(commit, entry, expand));
  sendJson(exchange, await Promise.all(infos), headersOf(list));
}

/** Null for one that is too long. */
async function readQuestion({ request }: Exchange): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > most.bytes) return null;
  }
  return Buffer.concat(parts).toString("utf8");
}

function isYes(text: string | null): boolean {
  return /^(?:true|1)$/iu.test(text ?? "");
}

function countOf(text: string | null, otherwise: number): number {
  return /^\d{1,9}$/u.test(text ?? "") ? Number(text) : otherwise;
}

/** A file, or the path of a folder. */
type Entry = ServedFile | string;

function listFolder(files: readonly ServedFile[], folder: string, recursive: boolean): Entry[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const entries: Entry[] = [];
  const folders = new Set<string>();
  for (const file of files) {
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

async function treeEntry({ sha }: ServedCommit, entry: Entry, expand: boolean) {
  const lastCommit = { id: sha, title: "Upload", date: someDay };
  const expanded = expand ? { lastCommit } : {};
  if (typeof entry === "string") {
    const oid = createHash("sha1").update(`${sha}/${entry}`).digest("hex");
    return { type: "directory", oid, size: 0, path: entry, ...expanded };
  }
  const { sizeBytes, gitSha1, sha256, pointerBytes, xetHash } = await entry.identify();
  return {
    type: "file",
    oid: gitSha1,
    size: sizeBytes,
    path: entry.path,
    ...(sha256 === null
      ? {}
      : { lfs: { oid: sha256, size: sizeBytes, pointerSize: pointerBytes } }),
    ...(xetHash === undefined ? {} : { xetHash }),
    ...(expand ? { ...expanded, securityFileStatus: { status: "safe" } } : {}),
  };
}

async function blobFields(file: ServedFile) {
  const { sizeBytes, gitSha1, sha256, pointerBytes } = await file.identify();
  const lfs =
    sha256 === null ? {} : { lfs: { sha256, size: sizeBytes, pointerSize: pointerBytes } };
  return { size: sizeBytes, blobId: gitSha1, ...lfs };
}

/** Null for one that names too many. */
function parsePathsInfo(text: string): { paths: string[]; expand: boolean } | null {
  const question = text.trimStart().startsWith("{") ? ofJson(text) : ofForm(text);
  return question.paths.length > most.paths ? null : question;
}

function ofForm(text: string): { paths: string[]; expand: boolean } {
  const form = new URLSearchParams(text);
  return { paths: form.getAll("paths"), expand: isYes(form.get("expand")) };
}

function ofJson(text: string): { paths: string[]; expand: boolean } {
  const value = parseJson(text);
  if (!isRecord(value)) return { paths: [], expand: false };
  const paths = [value["paths"]].flat().filter((path) => typeof path === "string");
  return { paths, expand: value["expand"] === true };
}
