import { sideBySide } from "../../run/concurrency.ts";
import { failure } from "../../run/failures/table.ts";
import { commitPattern, fileThatIsFolder } from "../../run/repos/file-listing.ts";
import { calledS3 } from "../../run/repos/s3.ts";
import { isRepoId, isSafePath } from "../hub/listing.ts";
import { discard } from "../request.ts";
import type { S3Client } from "./client.ts";
import { below, manifestName, maxManifestBytes, parseManifest } from "../model-manifest.ts";
import type { PlacedFile, PlacedModel } from "../placed-models.ts";
import { textOfChild } from "./xml.ts";

export interface BucketModels {
  readonly models: readonly PlacedModel[];
  /** Of the manifest, where there is one. */
  readonly etag: string | null;
}

const answerLimitMs = 30_000;

/**
 * The models in a bucket, by the manifest that heros wrote there. Null where there is none.
 * @throws Failure `s3.…`; TransientError; Node's errors
 */
export async function readManifest(
  client: S3Client,
  signal: AbortSignal,
): Promise<BucketModels | null> {
  const key = below(client.place.prefix, manifestName);
  const { response } = await client.send({ key, signal, timeLimitMs: answerLimitMs });
  if (response.status === 404) return null;
  const bytes = await client.readAll(response, maxManifestBytes);
  const etag = response.headers["etag"] ?? null;
  const bad = (problem: string, cause?: unknown) =>
    failure("s3.bad_manifest", { place: calledS3(client.place), problem }, cause);
  return { models: parseManifest({ bytes, prefix: client.place.prefix, bad }), etag };
}

/** The models in a bucket: by our manifest, else those of a copy of a Hub cache. @throws as `readManifest`, and Failure `s3.models_not_found`, `s3.unverifiable` */
export async function readModels(
  client: S3Client,
  signal: AbortSignal,
): Promise<readonly PlacedModel[]> {
  const models =
    (await readManifest(client, signal))?.models ?? (await copiedCache(client, signal));
  if (models.length > 0) return models;
  throw failure("s3.models_not_found", { place: calledS3(client.place) });
}

interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
}

const most = { pages: 1000, objects: 400_000 };

/** All objects below a prefix. @throws Failure `s3.strange` where they do not end */
export async function listObjects(
  client: S3Client,
  prefix: string,
  signal: AbortSignal,
): Promise<StoredObject[]> {
  const { place } = client;
  const objects: StoredObject[] = [];
  let next: string | null = null;
  for (let page = 0; page < most.pages && objects.length <= most.objects; page += 1) {
    const { response } = await client.send({
      key: "",
      query: {
        "list-type": "2",
        prefix,
        ...(next === null ? {} : { "continuation-token": next }),
      },
      signal,
      timeLimitMs: answerLimitMs,
    });
    const document = await client.readXml(response, "ListBucketResult");
    for (const item of document.children.filter(({ name }) => name === "Contents")) {
      const key = textOfChild(item, "Key");
      const sizeBytes = Number(textOfChild(item, "Size") ?? NaN);
      if (key === null || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) continue;
      objects.push({ key, sizeBytes, etag: textOfChild(item, "ETag") ?? "" });
    }
    next = textOfChild(document, "NextContinuationToken");
    if (textOfChild(document, "IsTruncated") !== "true" || next === null) return objects;
  }
  throw failure("s3.strange", {
    endpoint: client.endpoint(),
    what: `its list of ${calledS3(place)} does not end`,
  });
}

const copyPattern =
  /^models--(?<name>[^/]+)\/(?:snapshots\/(?<commit>[0-9a-f]{40})\/(?<path>.+)|refs\/(?<ref>.+)|blobs\/(?<blob>[0-9a-f]{40}|[0-9a-f]{64}))$/u;

/**
 * A Hub cache that a tool copied there, following its links: a snapshot's file is the blob of the same ETag and size, whose
 * name is its hash; else the store may know the hash.
 */
async function copiedCache(client: S3Client, signal: AbortSignal): Promise<PlacedModel[]> {
  const { place } = client;
  const root = place.prefix === "" ? "" : `${place.prefix}/`;
  const objects = await listObjects(client, `${root}models--`, signal);
  const contents = new Map<string, string>();
  const snapshots = new Map<string, (StoredObject & { readonly path: string })[]>();
  const refs: { readonly repo: string; readonly ref: string; readonly object: StoredObject }[] = [];
  for (const object of objects) {
    const parts = copyPattern.exec(object.key.slice(root.length))?.groups;
    const repo = parts?.["name"]?.replaceAll("--", "/") ?? "";
    if (parts === undefined || !isRepoId(repo)) continue;
    const { commit, path, ref, blob } = parts;
    if (blob !== undefined) contents.set(contentOf(repo, object), blob);
    if (ref !== undefined && isSafePath(ref)) refs.push({ repo, ref, object });
    if (commit === undefined || path === undefined || !isSafePath(path)) continue;
    const id = `${repo}@${commit}`;
    const snapshot = snapshots.get(id) ?? [];
    snapshot.push({ ...object, path });
    snapshots.set(id, snapshot);
  }
  const revisions = await readRefs(client, refs, signal);
  const models: PlacedModel[] = [];
  for (const [id, found] of snapshots) {
    const [repo = "", commit = ""] = id.split("@");
    // No disk has a file that is a folder, so this is no copy of a cache.
    if (fileThatIsFolder(found.map(({ path }) => path)) !== undefined) continue;
    const files = await sideBySide(found, 16, signal, async (object, either) => {
      const known = contents.get(contentOf(repo, object));
      const hex = known ?? (await sha256Of(client, object.key, either));
      if (hex === null) {
        throw failure("s3.unverifiable", { place: calledS3(place), repo, path: object.path });
      }
      const { path, key, sizeBytes } = object;
      const algorithm = hex.length === 64 ? "sha256" : "git-sha1";
      return {
        path,
        key,
        sizeBytes,
        blobName: hex,
        hash: { algorithm, hex },
      } as const satisfies PlacedFile;
    });
    for (const revision of revisions.get(id) ?? [commit])
      models.push({ repo, revision, commit, files });
  }
  return models;
}

/** ETags say nothing of a content but that it is another's, too. */
function contentOf(repo: string, { etag, sizeBytes }: StoredObject): string {
  return `${repo}\n${etag}\n${sizeBytes}`;
}

const maxRefBytes = 200;

async function readRefs(
  client: S3Client,
  refs: readonly { readonly repo: string; readonly ref: string; readonly object: StoredObject }[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const named = new Map<string, string[]>();
  await sideBySide(refs, 16, signal, async ({ repo, ref, object }, either) => {
    if (object.sizeBytes > maxRefBytes) return;
    const { response } = await client.send({
      key: object.key,
      signal: either,
      timeLimitMs: answerLimitMs,
    });
    const commit = (await client.readAll(response, maxRefBytes)).toString("utf8").trim();
    if (response.status !== 200 || !commitPattern.test(commit)) return;
    const id = `${repo}@${commit}`;
    named.set(id, [...(named.get(id) ?? []), ref]);
  });
  return named;
}

/** What the store itself promises of a whole object; null where it promises nothing. */
async function sha256Of(client: S3Client, key: string, signal: AbortSignal) {
  const { response } = await client.send({
    method: "HEAD",
    key,
    headers: { "x-amz-checksum-mode": "ENABLED" },
    signal,
    timeLimitMs: answerLimitMs,
  });
  await discard(response);
  const found = response.headers["x-amz-checksum-sha256"] ?? "";
  // One of several parts has their number behind it.
  if (response.status !== 200 || !/^[\w+/]{43}=$/u.test(found)) return null;
  return Buffer.from(found, "base64").toString("hex");
}
