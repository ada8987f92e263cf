import { dirname, join, resolve } from "node:path";
import type { Files, Host } from "../../host/host.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { errorCode } from "../../run/failure.ts";
import { promisedDigest } from "../../run/repos/file-listing.ts";
import type { Emit } from "../../run/event.ts";
import type { DamageReason } from "../../run/events/cache.ts";
import type { ModelProgress } from "../../run/events/download.ts";
import { failure } from "../../run/failures/table.ts";
import { createRate } from "../../run/state/rate.ts";
import { hashFiles } from "../hashing.ts";
import type { Survey, SurveyedBlob, SurveyedSnapshot } from "../store.ts";
import { blobPath, placesOf } from "./layout.ts";
import { findBlob } from "./look-up.ts";

export interface VerifyRequest {
  readonly host: Pick<Host, "files" | "routes" | "clock">;
  readonly survey: Survey;
  /** True: what is missing of a model that is still coming counts too. */
  readonly whole: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly threads?: number;
  /** Looks at what there is. Default: of the Hub cache. */
  readonly inspect?: (request: InspectRequest) => Promise<Inspection>;
}

export interface Verification {
  /** Hashed, or seen to be damaged before. */
  readonly files: number;
  readonly bytes: number;
  readonly damaged: readonly Damage[];
  /** Plain copies whose hash nobody promised: listed from the cache alone. */
  readonly uncheckedFiles: number;
}

const usualThreads = 4;

/** Hashes every cached file of the survey's models, and tells each that is not as the Hub promises. Changes nothing. @throws AbortError */
export async function verifyModels(request: VerifyRequest): Promise<Verification> {
  const { host, survey, whole, emit, signal, threads = usualThreads } = request;
  const { inspect = inspectCache } = request;
  const startMs = host.clock.monotonicMs();
  const { damaged: seen, present } = await inspect({
    files: host.files,
    survey,
    whole,
    signal,
  });
  const damaged = [...seen];
  for (const damage of seen) tellDamage(emit, damage);
  const checkable = present.filter(({ blob }) => blob.hash.hex !== "");
  const orders = checkable
    .toSorted((a, b) => b.blob.sizeBytes - a.blob.sizeBytes)
    .map((content) => ({
      content,
      path: content.file,
      sizeBytes: content.blob.sizeBytes,
      gitSha1: content.blob.hash.algorithm === "git-sha1",
    }));
  const progress = createVerifyProgress(request, checkable, startMs);
  await hashFiles({
    files: orders,
    threads,
    signal,
    routes: host.routes,
    onReached: ({ content }, bytes) => progress.reached(content, bytes),
    onEnd({ content }, answer) {
      const { blob, file } = content;
      if (answer.type === "failed") {
        damaged.push({
          ...blob,
          file,
          reason: "unreadable",
          expected: blob.hash.hex,
          found: answer.code,
        });
      } else if (answer.bytes !== blob.sizeBytes) {
        const [expected, found] = [String(blob.sizeBytes), String(answer.bytes)];
        damaged.push({ ...blob, file, reason: "size", expected, found });
      } else {
        const found = promisedDigest(blob.hash, answer.digests);
        if (found === blob.hash.hex) {
          const { repo, path, sizeBytes: bytes } = blob;
          emit({ type: "file.verified", repo, path, sha256: answer.digests.sha256, bytes });
          progress.checked(content, true);
          return;
        }
        damaged.push({ ...blob, file, reason: "hash", expected: blob.hash.hex, found });
      }
      const last = damaged.at(-1);
      if (last !== undefined) tellDamage(emit, last);
      progress.checked(content, false);
    },
  });
  progress.end();
  const files = countFiles([...seen, ...checkable.map(({ blob }) => blob)]);
  const bytes = checkable.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
  const elapsedMs = Math.round(host.clock.monotonicMs() - startMs);
  emit({ type: "verify.finished", files, bytes, damaged: countFiles(damaged), elapsedMs });
  return { files, bytes, damaged, uncheckedFiles: present.length - checkable.length };
}

/** A file whose link is wrong and whose content was looked at too is one file. */
export function countFiles(files: readonly Pick<Damage, "repo" | "path">[]): number {
  return new Set(files.map(({ repo, path }) => `${repo}\n${path}`)).size;
}

/** @throws Failure `models.damaged`, exit status 6, naming the first file and its hashes */
export function requireSound(damaged: readonly Damage[]): void {
  const [first] = damaged;
  if (first === undefined) return;
  throw failure("models.damaged", { first, others: damaged.length - 1 });
}

function tellDamage(emit: Emit, damage: Damage): void {
  const { neededBy: models, repo, path, file, reason, expected, found } = damage;
  emit({ type: "file.damaged", models, repo, path, file, reason, expected, found });
}

/** With the last one, five a second. */
const progressMs = 250;

interface Checked {
  bytes: number;
  /** Null while it is being hashed, or waits. */
  sound: boolean | null;
}

/** Folds what the threads say into at most five `verify.progress` a second. */
export function createVerifyProgress(
  {
    host,
    survey,
    emit,
  }: { readonly host: Pick<Host, "clock">; readonly survey: Survey; readonly emit: Emit },
  contents: readonly PresentContent[],
  startMs: number,
) {
  const states = new Map<PresentContent, Checked>(
    contents.map((content) => [content, { bytes: 0, sound: null }]),
  );
  const rate = createRate(0, startMs);
  const totalBytes = contents.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
  let checkedBytes = 0;
  let checkedFiles = 0;
  let toldMs = startMs;

  const progressOf = ({ id, label }: Survey["models"][number]): ModelProgress[] => {
    const own = [...states].filter(([{ blob }]) => blob.neededBy.includes(id));
    if (own.length === 0) return [];
    const checked = own.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    return [
      {
        ...label,
        state: stateOf(own.map(([, state]) => state)),
        receivedBytes: checked,
        verifiedBytes: checked,
        totalBytes: own.reduce((sum, [{ blob }]) => sum + blob.sizeBytes, 0),
        bytesPerSecond: 0,
        etaSeconds: null,
      },
    ];
  };
  const tell = (nowMs: number): void => {
    toldMs = nowMs;
    const etaSeconds = rate.etaSeconds(totalBytes - checkedBytes, nowMs);
    emit({
      type: "verify.progress",
      checkedFiles,
      files: contents.length,
      checkedBytes,
      totalBytes,
      bytesPerSecond: Math.round(rate.bytesPerSecond(nowMs)),
      etaSeconds: etaSeconds === null ? null : Math.round(etaSeconds * 10) / 10,
      models: survey.models.flatMap(progressOf),
    });
  };
  const reached = (content: PresentContent, bytes: number): void => {
    const state = states.get(content);
    if (state === undefined) return;
    checkedBytes += bytes - state.bytes;
    state.bytes = bytes;
    const nowMs = host.clock.monotonicMs();
    rate.record(checkedBytes, nowMs);
    if (nowMs - toldMs >= progressMs) tell(nowMs);
  };
  return {
    reached,
    checked(content: PresentContent, sound: boolean): void {
      const state = states.get(content);
      if (state !== undefined) state.sound = sound;
      checkedFiles += 1;
      reached(content, content.blob.sizeBytes);
    },
    end(): void {
      if (contents.length > 0) tell(host.clock.monotonicMs());
    },
  };
}

function stateOf(files: readonly Checked[]): ModelProgress["state"] {
  if (files.some(({ sound }) => sound === false)) return "failed";
  if (files.every(({ sound }) => sound === true)) return "ready";
  return files.some(({ bytes }) => bytes > 0) ? "verifying" : "waiting";
}

/** A file of the cache that is not what it should be. */
export interface Damage extends Omit<SurveyedBlob, "held" | "priority"> {
  /** Where it is, or should be: the content itself, where there is one. */
  readonly file: string;
  readonly reason: DamageReason;
  readonly expected: string;
  readonly found: string | null;
}

/** A content that is there, with the right size; only its hash can tell more. */
export interface PresentContent {
  readonly blob: SurveyedBlob;
  /** The blob, which may be a link into a shared store, or a plain copy in the snapshot. */
  readonly file: string;
}

export interface Inspection {
  readonly damaged: readonly Damage[];
  readonly present: readonly PresentContent[];
}

export interface InspectRequest {
  readonly files: Pick<Files, "lstat" | "stat" | "readlink">;
  readonly survey: Survey;
  /** True: what is missing of a model that is still coming counts too. */
  readonly whole: boolean;
  readonly signal: AbortSignal;
}

/**
 * Looks at links and sizes of the survey's models, and reads no content. A model of which a snapshot has no file yet
 * is still coming: what it lacks is no damage, unless `whole` says so.
 */
export async function inspectCache(request: InspectRequest): Promise<Inspection> {
  const { survey } = request;
  const blobs = new Map(survey.blobs.map((blob) => [keyOf(blob.repo, blob.blobName), blob]));
  const damaged = new Map<string, Damage>();
  const present = new Map<string, PresentContent>();
  for (const { snapshots } of survey.models) {
    const looked = await Promise.all(snapshots.map((each) => lookAtLinks(request, each)));
    const coming = !request.whole && !looked.some(({ published }) => published);
    for (const [index, { places }] of looked.entries()) {
      const snapshot = snapshots[index];
      if (snapshot === undefined) continue;
      const found = await sideBySide(places, 64, request.signal, async (place) => {
        const blob = blobs.get(keyOf(snapshot.repo, place.blobName));
        if (blob === undefined) return [];
        const named = { ...blob, path: place.path, commit: snapshot.commit };
        return lookAtContent(request, { place, blob: named, coming });
      });
      for (const each of found.flat()) {
        if ("reason" in each) damaged.set(`${each.file}\n${each.reason}`, each);
        else if (!present.has(each.file)) present.set(each.file, each);
      }
    }
  }
  return { damaged: [...damaged.values()], present: [...present.values()] };
}

interface Place {
  readonly path: string;
  readonly blobName: string;
  readonly file: string;
  readonly state: "absent" | "copy" | "link";
  /** Absolute. */
  readonly target: string | null;
}

async function lookAtLinks(
  { files, signal }: InspectRequest,
  snapshot: SurveyedSnapshot,
): Promise<{ places: readonly Place[]; published: boolean }> {
  const places = await sideBySide(
    snapshot.files,
    64,
    signal,
    async ({ path, blobName }): Promise<Place> => {
      const file = join(snapshot.path, path);
      const there = await files.lstat(file).catch(() => null);
      if (there === null) return { path, blobName, file, state: "absent", target: null };
      if (!there.isSymbolicLink()) return { path, blobName, file, state: "copy", target: null };
      const target = resolve(dirname(file), await files.readlink(file));
      return { path, blobName, file, state: "link", target };
    },
  );
  return { places, published: places.some(({ state }) => state !== "absent") };
}

/** A link that is wrong and a content that is wrong are told apart: one may be right. */
async function lookAtContent(
  { files, survey }: InspectRequest,
  { place, blob, coming }: { place: Place; blob: SurveyedBlob; coming: boolean },
): Promise<(Damage | PresentContent)[]> {
  const damage = (reason: DamageReason, file: string, found: string | null): Damage => ({
    ...blob,
    file,
    reason,
    expected: reason === "size" ? String(blob.sizeBytes) : blob.hash.hex,
    found,
  });
  const places = placesOf(survey.cacheDir, blob.repo);
  const inBlobs = blobPath(places, blob.blobName);
  const content =
    place.state === "copy" ? place.file : ((await findBlob(files, places, blob)) ?? inBlobs);
  const links = [];
  if (place.state === "absent" && !coming) links.push(damage("missing", place.file, null));
  if (place.state === "link" && place.target !== inBlobs) {
    links.push(damage("link", place.file, place.target));
  }
  const found = await files.stat(content).catch((error: unknown) => {
    const code = errorCode(error) ?? "unknown";
    return code === "ENOENT" ? null : code;
  });
  if (typeof found === "string") return [...links, damage("unreadable", content, found)];
  if (found === null) {
    return coming || links.length > 0 ? links : [damage("missing", content, null)];
  }
  if (!found.isFile()) return [...links, damage("unreadable", content, "not a file")];
  if (found.size !== blob.sizeBytes) {
    return [...links, damage("size", content, String(found.size))];
  }
  return [...links, { blob, file: content }];
}

function keyOf(repo: string, blobName: string): string {
  return `${repo}\n${blobName}`;
}
