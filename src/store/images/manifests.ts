import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import type { Files } from "../../host/host.ts";
import { openOwn } from "../../host/own-file.ts";
import { parseJson } from "../../run/json.ts";
import { linkFollower, orIfMissing, stagingName, writeSafely } from "../contents.ts";
import type { ImageContent, OciBlob } from "../store.ts";

/** Where images are until Docker has them: an OCI layout, with what is on its way beside it. */
export interface ImagePlaces {
  readonly root: string;
  /** Verified contents, each under the hex digits of its sha256. */
  readonly blobs: string;
  /** Partials and their journals. */
  readonly partials: string;
  /** What each wanted image is made of, in a file of its own. It is there before the image's first byte. */
  readonly manifests: string;
  readonly locks: string;
}

export function imagePlacesOf(cacheDir: string): ImagePlaces {
  const root = join(cacheDir, stagingName, "images");
  return {
    root,
    blobs: join(root, "blobs", "sha256"),
    partials: join(root, "partials"),
    manifests: join(root, "manifests"),
    locks: join(cacheDir, ".locks", "heros-images"),
  };
}

/** The same with links among the folders followed. @throws Failure `cache.foreign_link`, `cache.broken_link` (1); Node's errors */
export async function openImagePlaces(
  files: Pick<Files, "lstat" | "stat" | "realpath">,
  cacheDir: string,
): Promise<ImagePlaces> {
  const base = await files.realpath(cacheDir);
  const follow = await linkFollower(files, base);
  const within = async (folder: string, ...names: readonly string[]): Promise<string> => {
    let place = folder;
    for (const name of names) place = await follow(join(place, name));
    return place;
  };
  const root = await within(base, stagingName, "images");
  const [blobs, partials, manifests, locks] = await Promise.all([
    within(root, "blobs", "sha256"),
    within(root, "partials"),
    within(root, "manifests"),
    within(base, ".locks", "heros-images"),
  ]);
  return { root, blobs, partials, manifests, locks };
}

/** The name of a blob's file, by its digest. */
export function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

/** Names of all blobs that an image is made of: what has to be fetched, and its manifest and index. */
export function blobNamesOf(image: ImageContent): ReadonlySet<string> {
  const { config, layers, manifestDigest, index, digest } = image;
  const all = [config, ...layers].map((blob) => blob.digest);
  return new Set([...all, manifestDigest, ...(index === null ? [] : [digest])].map(hexOf));
}

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/u);
const bytes = z.base64().transform((text) => Buffer.from(text, "base64"));
const blob = z.object({ digest, sizeBytes: z.number().int().nonnegative() });
const record = z.object({
  schema: z.literal(1),
  name: z.string(),
  repo: z.string().startsWith("oci:"),
  digest,
  manifestDigest: digest,
  mediaType: z.string(),
  index: bytes.nullable(),
  manifest: bytes,
  config: blob,
  layers: z.array(blob.extend({ mediaType: z.string() })),
  diffIds: z.array(z.string()),
  modelsLabel: z.string().exactOptional(),
  anonymous: z.literal(true).exactOptional(),
});

/** A manifest and an index have four MiB each, at most. */
const maxRecordBytes = 16 * 1024 * 1024;

export function recordPath({ manifests }: Pick<ImagePlaces, "manifests">, name: string): string {
  return join(manifests, `${sha256Of(name)}.json`);
}

function sha256Of(content: Buffer | string): string {
  return createHash("sha256").update(content).digest("hex");
}

function encode(image: ImageContent): string {
  const { name, repo, digest: own, manifestDigest, mediaType, config, layers, diffIds } = image;
  const written = {
    schema: 1,
    name,
    repo,
    digest: own,
    manifestDigest,
    mediaType,
    index: image.index?.toString("base64") ?? null,
    manifest: image.manifest.toString("base64"),
    config: { digest: config.digest, sizeBytes: config.sizeBytes },
    layers: layers.map((each) => ({
      digest: each.digest,
      sizeBytes: each.sizeBytes,
      mediaType: each.mediaType,
    })),
    diffIds,
    ...(image.modelsLabel === undefined ? {} : { modelsLabel: image.modelsLabel }),
    ...(image.anonymous === undefined ? {} : { anonymous: image.anonymous }),
  };
  return `${JSON.stringify(written)}\n`;
}

/** Null unless all of it is as it was written: what is read there decides which files are served and removed. */
function decode(text: string): ImageContent | null {
  const { data } = record.safeParse(parseJson(text));
  if (data === undefined) return null;
  const { schema: _schema, ...image } = data;
  const sound =
    `sha256:${sha256Of(image.manifest)}` === image.manifestDigest &&
    (image.index === null || `sha256:${sha256Of(image.index)}` === image.digest);
  return sound ? image : null;
}

/** What an image is made of, as an earlier run found it out; null where none did. */
export async function readRecord(
  files: Pick<Files, "open" | "stat">,
  places: Pick<ImagePlaces, "manifests">,
  name: string,
): Promise<ImageContent | null> {
  const image = await readRecordAt(files, recordPath(places, name));
  return image?.name === name ? image : null;
}

async function readRecordAt(
  files: Pick<Files, "open" | "stat">,
  path: string,
): Promise<ImageContent | null> {
  const handle = await openOwn(files, path, "read");
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    return size > maxRecordBytes ? null : decode(await handle.readFile("utf8"));
  } finally {
    await handle.close();
  }
}

/** All images that are wanted, or kept. @throws Node's errors, for then nobody knows what is needed */
export async function readRecords(
  files: Pick<Files, "open" | "stat" | "readdir">,
  { manifests }: Pick<ImagePlaces, "manifests">,
): Promise<readonly ImageContent[]> {
  const names = await files.readdir(manifests).catch(orIfMissing([]));
  const found: ImageContent[] = [];
  for (const name of names) {
    const image = await readRecordAt(files, join(manifests, name));
    if (image !== null && `${sha256Of(image.name)}.json` === name) found.push(image);
  }
  return found;
}

/** Writes down what an image is made of; nothing where it stands there already. @throws Node's errors */
export async function writeRecord(
  files: Pick<Files, "open" | "stat" | "mkdir" | "rename" | "rm">,
  places: Pick<ImagePlaces, "manifests">,
  image: ImageContent,
): Promise<void> {
  const known = await readRecord(files, places, image.name);
  if (known !== null && encode(known) === encode(image)) return;
  const path = recordPath(places, image.name);
  await writeSafely(files, { path, temporary: `${path}.heros-new`, bytes: encode(image) });
}

export async function removeRecord(
  files: Pick<Files, "rm">,
  places: Pick<ImagePlaces, "manifests">,
  name: string,
): Promise<void> {
  await files.rm(recordPath(places, name), { force: true });
}

/** Whether a blob is there, with its size. */
export async function hasBlob(
  files: Pick<Files, "lstat">,
  { blobs }: Pick<ImagePlaces, "blobs">,
  { digest: name, sizeBytes }: OciBlob,
): Promise<boolean> {
  const found = await files.lstat(join(blobs, hexOf(name))).catch(() => null);
  return found !== null && found.isFile() && found.size === sizeBytes;
}

/** The file that makes a folder an OCI layout (github.com/opencontainers/image-spec, image-layout.md). */
const layoutFile = { name: "oci-layout", text: '{"imageLayoutVersion":"1.0.0"}\n' };
const indexName = "index.json";

/** Lists the images that are whole, as an OCI layout does. @throws Node's errors */
export async function writeIndex(
  files: Pick<Files, "open" | "lstat" | "stat" | "readdir" | "mkdir" | "rename" | "rm">,
  places: ImagePlaces,
): Promise<void> {
  const whole: ImageContent[] = [];
  for (const image of await readRecords(files, places)) {
    const manifest = { digest: image.manifestDigest, sizeBytes: image.manifest.length };
    const all = [manifest, image.config, ...image.layers];
    const there = await Promise.all(all.map((each) => hasBlob(files, places, each)));
    if (there.every(Boolean)) whole.push(image);
  }
  const manifests = whole.map(({ name, mediaType, manifestDigest, manifest }) => ({
    mediaType,
    digest: manifestDigest,
    size: manifest.length,
    annotations: { "org.opencontainers.image.ref.name": name },
  }));
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const index = `${JSON.stringify({ schemaVersion: 2, mediaType, manifests })}\n`;
  for (const { name, text } of [layoutFile, { name: indexName, text: index }]) {
    const path = join(places.root, name);
    await writeSafely(files, { path, temporary: `${path}.heros-new`, bytes: text });
  }
}

/** Removes folders in which nothing is left, and with the last image what made them an OCI layout. */
export async function tidyImages(
  files: Pick<Files, "rmdir" | "rm" | "readdir">,
  cacheDir: string,
  { root, blobs, partials, manifests }: ImagePlaces,
): Promise<void> {
  const removeEmpty = (folder: string): Promise<void> => files.rmdir(folder).catch(() => {});
  await removeEmpty(partials);
  await removeEmpty(blobs);
  await removeEmpty(manifests);
  const left = await files.readdir(root).catch(() => null);
  if (left === null) return;
  const own = new Set([layoutFile.name, indexName, "blobs"]);
  const used = (await files.readdir(blobs).catch(() => [])).length > 0;
  if (!used && left.every((name) => own.has(name))) {
    await removeEmpty(join(root, "blobs"));
    for (const name of [layoutFile.name, indexName])
      await files.rm(join(root, name), { force: true });
    await removeEmpty(root);
  }
  await removeEmpty(join(cacheDir, stagingName));
}
