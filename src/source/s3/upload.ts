import { createHash } from "node:crypto";
import type { Files } from "../../host/host.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { failure } from "../../run/failures/table.ts";
import type { FileHash } from "../../run/repos/file-listing.ts";
import { calledS3 } from "../../run/repos/s3.ts";
import { discard } from "../request.ts";
import { readManifest } from "./bucket.ts";
import type { S3Client, S3Request } from "./client.ts";
import { below, manifestName, manifestText, withModel } from "../model-manifest.ts";
import type { PlacedModel } from "../placed-models.ts";
import { escapedXml, textOfChild } from "./xml.ts";

/** A file of this machine, and the object that it is to be. */
export interface Upload {
  readonly file: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly hash: FileHash;
}

export interface Sending {
  readonly client: S3Client;
  readonly files: Pick<Files, "open">;
  readonly signal: AbortSignal;
  /** Asks until there is an answer. */
  readonly ask: <T>(call: () => Promise<T>) => Promise<T>;
  /** Bytes that are in the store now. */
  readonly onSent: (bytes: number) => void;
}

const mebibyte = 1024 * 1024;
/** Each part is held in memory. A store takes 10,000 parts of a file. */
const usualPartBytes = 16 * mebibyte;
const maxParts = 9000;
const partsAtOnce = 4;
const answerLimitMs = 30_000;
/** For a part on a slow line. */
const idleTimeoutMs = 60_000;

export function partBytesOf(sizeBytes: number): number {
  return Math.max(usualPartBytes, Math.ceil(sizeBytes / maxParts / mebibyte) * mebibyte);
}

/** Written with each object that heros sends: only a complete one has it. */
const contentHeader = "x-amz-meta-heros-content";

function contentOf({ hash }: Pick<Upload, "hash">): Readonly<Record<string, string>> {
  return { [contentHeader]: `${hash.algorithm}:${hash.hex}` };
}

/** Whether the store has this object already, as heros sent it. */
export async function isStored(
  { client, ask, signal }: Pick<Sending, "client" | "ask" | "signal">,
  upload: Omit<Upload, "file">,
): Promise<boolean> {
  const { status, headers } = await ask(async () => {
    const request = {
      method: "HEAD",
      key: upload.key,
      signal,
      timeLimitMs: answerLimitMs,
    } as const;
    const { response } = await client.send(request);
    await discard(response);
    return response;
  });
  return (
    status === 200 &&
    headers["content-length"] === String(upload.sizeBytes) &&
    headers[contentHeader] === contentOf(upload)[contentHeader]
  );
}

/**
 * Sends a file. The store checks each part against its SHA-256; parts of an earlier try that are there are not sent again.
 * @throws Failure `s3.…`; what `ask` ends with; Node's errors, AbortError
 */
export async function sendFile(sending: Sending, upload: Upload): Promise<void> {
  const { client, signal, files } = sending;
  const { key, sizeBytes, file } = upload;
  const handle = await files.open(file, "r");
  try {
    const read = async (start: number, end: number): Promise<Buffer> => {
      const body = Buffer.alloc(end - start);
      const { bytesRead } = await handle.read(body, 0, body.length, start);
      if (bytesRead === body.length) return body;
      throw failure("cache.changed", { repo: calledS3(client.place), path: file });
    };
    if (sizeBytes > partBytesOf(sizeBytes)) await sendParts(sending, upload, read);
    else {
      const body = await read(0, sizeBytes);
      await put(sending, { key, signal, body, headers: contentOf(upload) });
      sending.onSent(sizeBytes);
    }
  } finally {
    await handle.close();
  }
  if (await isStored(sending, upload)) return;
  throw failure("s3.changed_on_the_way", { place: calledS3(client.place), key });
}

/** One body, which the store holds against its hash. */
async function put(
  { client, ask }: Pick<Sending, "client" | "ask">,
  request: S3Request & { readonly body: Buffer },
) {
  const sha256 = createHash("sha256").update(request.body).digest();
  const headers = { ...request.headers, "x-amz-checksum-sha256": sha256.toString("base64") };
  return ask(async () => {
    const asked = { ...request, method: "PUT", headers, idleTimeoutMs } as const;
    const { response } = await client.send({ ...asked, bodySha256: sha256.toString("hex") });
    await discard(response);
    return response;
  });
}

interface Part {
  readonly number: number;
  readonly etag: string;
  readonly sha256: string;
}

async function sendParts(
  sending: Sending,
  upload: Upload,
  read: (start: number, end: number) => Promise<Buffer>,
): Promise<void> {
  const { client, ask, signal, onSent } = sending;
  const { key, sizeBytes } = upload;
  const partBytes = partBytesOf(sizeBytes);
  const earlier = await findUpload(sending, key);
  const uploadId = earlier ?? (await beginUpload(sending, upload));
  const there =
    earlier === null ? new Map<number, StoredPart>() : await partsOf(sending, key, earlier);
  const numbers = Array.from(
    { length: Math.ceil(sizeBytes / partBytes) },
    (_each, index) => index + 1,
  );
  const parts = await sideBySide(
    numbers,
    partsAtOnce,
    signal,
    async (number, either): Promise<Part> => {
      const start = (number - 1) * partBytes;
      const body = await read(start, Math.min(sizeBytes, start + partBytes));
      const sha256 = createHash("sha256").update(body).digest("base64");
      const known = there.get(number);
      if (known !== undefined && isPart(known, body, sha256)) {
        onSent(body.length);
        return { number, etag: known.etag, sha256 };
      }
      const query = { partNumber: String(number), uploadId };
      const { status, headers } = await put(sending, { key, query, body, signal: either });
      if (status !== 200) throw endedByOthers(client);
      onSent(body.length);
      return { number, etag: headers["etag"] ?? "", sha256 };
    },
  );
  const items = parts.map(
    ({ number, etag, sha256 }) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${escapedXml(etag)}</ETag><ChecksumSHA256>${sha256}</ChecksumSHA256></Part>`,
  );
  const body = Buffer.from(
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${items.join("")}</CompleteMultipartUpload>`,
  );
  await ask(async () => {
    const { response } = await client.send({
      method: "POST",
      key,
      query: { uploadId },
      body,
      signal,
    });
    // An answer that was lost was an answer: whether the object is there is seen next.
    if (response.status === 404) await discard(response);
    else await client.readXml(response, "CompleteMultipartUploadResult");
  });
}

function endedByOthers(client: S3Client) {
  const what = "somebody else ended an upload that was under way";
  return failure("s3.refused", { endpoint: client.endpoint(), what });
}

interface StoredPart {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly sha256: string | null;
}

function isPart({ etag, sizeBytes, sha256 }: StoredPart, body: Buffer, own: string): boolean {
  if (sizeBytes !== body.length) return false;
  if (sha256 !== null) return sha256 === own;
  return etag.replaceAll('"', "") === createHash("md5").update(body).digest("hex");
}

async function beginUpload({ client, ask, signal }: Sending, upload: Upload): Promise<string> {
  const { key } = upload;
  const headers = { ...contentOf(upload), "x-amz-checksum-algorithm": "SHA256" };
  return ask(async () => {
    const asked = { method: "POST", key, query: { uploads: "" }, headers, signal } as const;
    const { response } = await client.send({ ...asked, timeLimitMs: answerLimitMs });
    const document = await client.readXml(response, "InitiateMultipartUploadResult");
    const id = textOfChild(document, "UploadId");
    if (id !== null && id !== "") return id;
    throw failure("s3.strange", { endpoint: client.endpoint(), what: "it began no upload" });
  });
}

/** The last upload of this object that was begun and not completed; null where there is none. */
async function findUpload({ client, ask, signal }: Sending, key: string): Promise<string | null> {
  const document = await ask(async () => {
    const asked = { key: "", query: { uploads: "", prefix: key }, signal } as const;
    const { response } = await client.send({ ...asked, timeLimitMs: answerLimitMs });
    return client.readXml(response, "ListMultipartUploadsResult");
  });
  const uploads = document.children.filter(({ name }) => name === "Upload");
  const own = uploads.findLast((upload) => {
    const algorithm = textOfChild(upload, "ChecksumAlgorithm") ?? "";
    return textOfChild(upload, "Key") === key && ["", "SHA256"].includes(algorithm);
  });
  return own === undefined ? null : textOfChild(own, "UploadId");
}

const mostPages = 100;

async function partsOf({ client, ask, signal }: Sending, key: string, uploadId: string) {
  const parts = new Map<number, StoredPart>();
  let marker: string | null = null;
  for (let page = 0; page < mostPages; page += 1) {
    const query: Record<string, string> = {
      uploadId,
      ...(marker === null ? {} : { "part-number-marker": marker }),
    };
    const document = await ask(async () => {
      const { response } = await client.send({ key, query, signal, timeLimitMs: answerLimitMs });
      if (response.status === 404) throw endedByOthers(client);
      return client.readXml(response, "ListPartsResult");
    });
    for (const part of document.children.filter(({ name }) => name === "Part")) {
      const sha256 = textOfChild(part, "ChecksumSHA256");
      parts.set(Number(textOfChild(part, "PartNumber")), {
        etag: textOfChild(part, "ETag") ?? "",
        sizeBytes: Number(textOfChild(part, "Size")),
        sha256: sha256 === "" ? null : sha256,
      });
    }
    marker = textOfChild(document, "NextPartNumberMarker");
    if (textOfChild(document, "IsTruncated") !== "true" || marker === null) break;
  }
  return parts;
}

const mostTries = 8;

/**
 * Adds a model, all of whose files are there, to the list of models. Another heros may do the same at the same time: the
 * list is only replaced as it was read.
 * @throws Failure `s3.busy`, `s3.bad_manifest`, as `sendFile`
 */
export async function listModel(
  { client, ask, signal }: Pick<Sending, "client" | "ask" | "signal">,
  model: PlacedModel,
): Promise<void> {
  const { place } = client;
  const key = below(place.prefix, manifestName);
  for (let attempt = 0; attempt < mostTries; attempt += 1) {
    const found = await ask(() => readManifest(client, signal));
    const before = found?.models ?? [];
    const text = manifestText(withModel(before, model));
    if (found !== null && text === manifestText(before)) return;
    const etag = found?.etag ?? null;
    const condition: Record<string, string> =
      found === null ? { "if-none-match": "*" } : etag === null ? {} : { "if-match": etag };
    const headers = { ...condition, "content-type": "application/json" };
    const { status } = await put(
      { client, ask },
      { key, body: Buffer.from(text), headers, signal },
    );
    if (status !== 412) return;
  }
  throw failure("s3.busy", { place: calledS3(place) });
}
