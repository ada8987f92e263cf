import { dirname, join, resolve } from "node:path";
import type { Files } from "../../host/host.ts";
import type { DamageReason } from "../../run/events/cache.ts";
import { blobPath, placesOf } from "./layout.ts";
import { findBlob } from "./look-up.ts";
import { sideBySide } from "../../run/concurrency.ts";
import type { Survey, SurveyedBlob, SurveyedSnapshot } from "../../download/survey.ts";
import { errorCode } from "../../run/error-code.ts";

/** A file of the cache that is not what it should be. */
export interface Damage extends Omit<SurveyedBlob, "held" | "tier"> {
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
