import path from "node:path";
import { download } from "../download/download.ts";
import type { Host } from "../host/host.ts";
import { readBootId } from "../host/process-table.ts";
import type { Emit } from "../run/event.ts";
import { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import type { ListedFile } from "../run/repos/file-listing.ts";
import { askHub } from "../source/hub/request.ts";
import { abandon, discard } from "../source/request.ts";
import { createAskAgain } from "../source/retry-policy.ts";
import type { Source } from "../source/source.ts";
import {
  freeSpace,
  type Holding,
  inFolder,
  type Store,
  sumSurvey,
  type Survey,
} from "../store/store.ts";
import { createDigests, createHashing } from "../store/hashing.ts";
import { openPartial, type PartialPaths, readPartial } from "../store/partial.ts";
import {
  refusal,
  releaseFailure,
  type ReleaseSource,
  sessionOf,
  type Tarball,
} from "./signed-sums.ts";
import { diskFailure } from "../run/file-failure.ts";
import { readTree, type ReleaseTree } from "./tree.ts";

export interface FetchRequest extends ReleaseSource {
  readonly host: Host;
  readonly emit: Emit;
  /** The tarball and its partial are kept there. */
  readonly folder: string;
}

/** A release unpacks to about five times its tarball. */
const unpacked = 5;
/** Nobody packs more: a server that says so is not asked on. */
const maxBytes = 2_000_000_000;

/**
 * Downloads a tarball by the engine that downloads models, so that a killed download resumes. The whole file is hashed
 * once more at the end: it may have been there before.
 * @returns the file's path
 * @throws Failure `release.unreachable`, `release.not_found` (5), `release.hash_mismatch` (6), `disk.too_small` (7); AbortError
 */
export async function fetchTarball(request: FetchRequest, tarball: Tarball): Promise<string> {
  const { host, emit, signal, folder, base } = request;
  const { name, sha256, version } = tarball;
  const file = path.join(folder, name);
  try {
    const listed: ListedFile = {
      path: name,
      sizeBytes: await askSize(request, tarball.url),
      blobName: sha256,
      hash: { algorithm: "sha256", hex: sha256 },
    };
    const store = openFileStore(host, folder, file);
    const survey = await surveyFile(store, listed, version);
    await download({
      host,
      source: fileSource(request, tarball.url),
      store,
      survey,
      emit: (event) => {
        // The rest is about models.
        if (event.type === "download.progress" || event.type === "download.retrying") emit(event);
      },
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure && error.code === "download.hash_mismatch") {
      throw failure("release.hash_mismatch", { name, sha256 }, error);
    }
    throw releaseFailure(error, base);
  }
  if ((await sha256Of(host, file, signal)) === sha256) return file;
  await host.files.rm(file, { force: true });
  throw failure("release.hash_mismatch", { name, sha256 });
}

/** @throws Node's errors, AbortError */
export async function sha256Of(
  { files }: Host,
  file: string,
  signal: AbortSignal,
): Promise<string> {
  const digests = createDigests(0, false);
  await using opened = await files.open(file, "r");
  const options = { signal, highWaterMark: 1024 * 1024, autoClose: false };
  for await (const chunk of opened.createReadStream(options)) {
    digests.update(chunk as Uint8Array);
  }
  return digests.finish().sha256;
}

/** By its first byte: signed addresses of some hosts refuse to be asked for headers alone. */
async function askSize(request: FetchRequest, url: string): Promise<number> {
  const { host, signal } = request;
  return createAskAgain(host, undefined)(
    async () => {
      const headers = { range: "bytes=0-0" };
      const options = { url, headers, signal, timeLimitMs: 30_000, redirects: "all" } as const;
      const { response } = await askHub(sessionOf(request), options);
      const { status, headers: answered } = response;
      abandon(response);
      if (status !== 200 && status !== 206) throw refusal(url, status);
      const range = /\/(\d+)$/u.exec(answered["content-range"] ?? "")?.[1];
      const size = Number(status === 206 ? range : answered["content-length"]);
      if (size > 0 && size <= maxBytes) return size;
      throw failure("release.unreachable", {
        base: url,
        reason: "it does not tell the file's size",
      });
    },
    { signal, forMs: 60_000 },
  );
}

/** One file at one address, each range asked for there: where it redirects to may change. */
function fileSource(request: FetchRequest, url: string): Source {
  const { base } = request;
  return {
    endpoint: base,
    offline: false,
    list: () => Promise.reject(new Error("a release is not listed")),
    requireAccess: () => Promise.resolve(),
    async open({ range, signal, idleTimeoutMs, maxConnections }) {
      const { response } = await askHub(sessionOf(request), {
        url,
        headers: range === null ? {} : { range: `bytes=${range.start}-${range.end - 1}` },
        signal,
        idleTimeoutMs,
        maxConnections,
        large: true,
        redirects: "all",
      });
      if (![200, 206, 416].includes(response.status)) {
        await discard(response);
        throw refusal(url, response.status);
      }
      return { response, address: null };
    },
    failureOf: (error) => releaseFailure(error, base),
    scopeOf: () => "all",
  };
}

/** A folder that keeps one file: its partial and journal beside it, and its own name once it is verified. */
function openFileStore(host: Host, folder: string, file: string): Store {
  const { files } = host;
  const hashing = createHashing();
  const paths: PartialPaths = {
    folder,
    partial: `${file}.heros-partial`,
    journal: `${file}.heros-journal`,
  };
  const has = ({ sizeBytes }: ListedFile): Promise<boolean> =>
    files.stat(file).then(
      ({ size }) => size === sizeBytes,
      () => false,
    );
  return {
    folder,
    locate: () => folder,
    commitOf: (_repo, revision) => Promise.resolve(revision),
    listSnapshot: () => Promise.resolve([]),
    hasFile: () => Promise.resolve(false),
    async lookUp(_repo, listed): Promise<Holding> {
      const cached = await has(listed);
      if (cached) return { cached, held: [] };
      return { cached, held: await readPartial(files, paths, listed, await readBootId(files)) };
    },
    freeBytes: () => freeSpace(files, folder),
    findObstacle: () => Promise.resolve(null),
    neededSpace({ totalBytes, cachedBytes, resumedBytes, freeBytes }) {
      const bytes = totalBytes - cachedBytes - resumedBytes + unpacked * totalBytes;
      return Promise.resolve([{ disk: 0, folder, what: "upgrade", bytes, freeBytes }]);
    },

    async prepare() {
      await files.mkdir(folder, { recursive: true, mode: 0o755 });
    },
    requireNames: () => Promise.resolve(),
    migrate: () => Promise.resolve(),
    // The upgrade as a whole holds one.
    lock: () => Promise.resolve("held"),
    unlock: () => {},
    findLockHolder: () => Promise.resolve(null),
    has,
    async openPartial(blob, noteBytes) {
      return openPartial(files, paths, blob, { bootId: await readBootId(files), noteBytes });
    },
    followHash: ({ sizeBytes }, { path: partial }) =>
      Promise.resolve(hashing.start({ path: partial, sizeBytes, gitSha1: false })),
    digestsOf(_blob, content) {
      const digests = createDigests(content.length, false);
      digests.update(content);
      return Promise.resolve(digests.finish());
    },
    async keepPartial(_blob, partial) {
      await files.rename(partial.path, file);
      await files.rm(paths.journal, { force: true });
    },
    async keepContent(_blob, content) {
      await inFolder(files, folder, () => files.writeFile(paths.partial, content));
      await files.rename(paths.partial, file);
    },

    publish: () => Promise.resolve(),
    tidy: () => Promise.resolve(),
    close: () => hashing.close(),
    failureOf: (error) => error,
  };
}

async function surveyFile(store: Store, listed: ListedFile, version: string): Promise<Survey> {
  const id = "heros";
  const title = `heros ${version}`;
  const holding = await store.lookUp(id, listed);
  const blobs = [{ ...listed, repo: id, commit: version, ...holding, neededBy: [id], priority: 0 }];
  const sums = sumSurvey({ models: [], blobs });
  const { totalBytes, cachedBytes, resumedBytes } = sums;
  const model = {
    id,
    title,
    purpose: "",
    label: { id, title, tier: 1 },
    priority: 0,
    totalBytes,
    cachedBytes,
    resumedBytes,
    snapshots: [],
    problem: null,
  };
  const freeBytes = await store.freeBytes();
  return { ...sums, cacheDir: store.folder, models: [model], images: [], blobs, freeBytes };
}

export interface UnpackRequest {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** A verified tarball, `.tar.xz` or `.tar.gz`. */
  readonly file: string;
  readonly version: string;
  readonly platform: string;
  /** Emptied first. */
  readonly into: string;
}

/**
 * Unpacks a release. Only plain files and folders below its own folder may be in it: an absolute name, `..`, a link of any kind or
 * a device, and nothing is unpacked.
 * @throws Failure `release.bad_archive` (6), `disk.full` (7); AbortError
 */
export async function unpack(request: UnpackRequest): Promise<ReleaseTree> {
  const { host, signal, file, version, platform, into } = request;
  const top = `heros-${version}-${platform}`;
  const packing = file.endsWith(".xz") ? "-J" : "-z";
  const name = path.basename(file);
  const listed = await host.processes.run({
    command: "tar",
    args: ["-t", "-v", packing, "-f", file],
    env: { LC_ALL: "C" },
    signal,
  });
  if (listed.exitCode !== 0)
    throw failure("release.bad_archive", { name, why: "tar can't read it" });
  const strange = listed.stdout.split("\n").find((line) => line !== "" && !isExpected(line, top));
  if (strange !== undefined) {
    throw failure("release.bad_archive", {
      name,
      why: `it holds what no release holds: ${strange}`,
    });
  }

  await host.files.rm(into, { recursive: true, force: true });
  await host.files.mkdir(into, { recursive: true, mode: 0o755 });
  const keep = ["--no-same-owner", "--no-same-permissions"];
  // Whatever the user's umask is: nobody else may write to a program.
  const script = 'umask 022 && exec tar "$@"';
  const ran = await host.processes.run({
    command: "sh",
    args: ["-c", script, "sh", "-x", packing, "-f", file, "-C", into, ...keep],
    env: { LC_ALL: "C" },
    signal,
  });
  if (ran.exitCode !== 0) {
    if (/No space left|quota exceeded/iu.test(ran.stderr)) {
      const full = Object.assign(new Error(ran.stderr), { code: "ENOSPC", path: into });
      throw diskFailure(full) ?? full;
    }
    throw failure("release.bad_archive", { name, why: "tar can't unpack it" });
  }
  const tree = await readTree(host, path.join(into, top));
  if (tree.version === version && tree.platform === platform) return tree;
  throw failure("release.bad_archive", { name, why: `it holds heros ${tree.version}` });
}

/** A line of `tar -tv`: a plain file or a folder, in the release's own folder, with a name that needs no second look. */
export function isExpected(line: string, top: string): boolean {
  const groups = /^(?<kind>[-d])[-rwxsStT]{9}\S* +\S+ +\d+ +\S+ +\S+ (?<name>.+)$/u.exec(
    line,
  )?.groups;
  const name = groups?.["name"] ?? "";
  const segments = name.replace(/\/$/u, "").split("/");
  return (
    segments[0] === top &&
    segments.every((segment) => /^[\w@+~,=.-]+$/u.test(segment) && !/^\.{1,2}$/u.test(segment))
  );
}
