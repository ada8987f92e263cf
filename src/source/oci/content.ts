import { createHash } from "node:crypto";
import type { ByteStream, HttpResponse } from "../../host/network.ts";
import { Failure } from "../../run/failure.ts";
import {
  abandon,
  discard,
  openAddress,
  orAbandon,
  readBody,
  requestOf,
  requireNoPage,
  requirePlain,
} from "../request.ts";
import { TransientError } from "../retry-policy.ts";
import type { FileRequest, OpenedFile } from "../source.ts";
import { partFailures, strangeAnswer } from "./failures.ts";
import { type Asked, refusal, type RegistrySession } from "./request.ts";

/** A manifest as it came. */
export interface Document {
  readonly bytes: Buffer;
  /** `sha256:…` of the bytes. */
  readonly digest: string;
  /** In small letters, without parameters. */
  readonly contentType: string;
}

/** As much as registries take (github.com/opencontainers/distribution-spec, "Pushing Manifests"). */
const maxManifestBytes = 4 * 1024 * 1024;

/**
 * A manifest by its tag or its digest. Its bytes are what was asked for, or what the registry says they are.
 * @throws Failure `image.damaged` (6) where they are not, and others; TransientError, Node's errors, AbortError
 */
export async function readManifest(
  session: RegistrySession,
  asked: Asked,
  revision: string,
  signal: AbortSignal,
): Promise<Document> {
  const { at, answerLimitMs: timeLimitMs, accept } = session;
  const { image } = asked;
  const { unusable, damaged } = partFailures(at);
  const { response } = await session.ask(asked, {
    path: `manifests/${revision}`,
    headers: { accept: accept.join(", ") },
    signal,
    timeLimitMs,
    redirects: "all",
  });
  const { status, headers } = response;
  if (status !== 200) throw await refusal(session, asked, response, null);
  const contentType = headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (/\bhtml\b/u.test(contentType)) {
    abandon(response);
    throw strangeAnswer(at, `a web page instead of the manifest of ${image}`);
  }
  const bytes = await readBody(response, session.server.failures, maxManifestBytes);
  if (bytes === null) throw unusable(image, "its manifest is larger than 4 MiB");
  if (isPage(headers, bytes))
    throw strangeAnswer(at, `a web page instead of the manifest of ${image}`);
  const found = digestOf(bytes);
  const expected = isSha256(revision) ? revision : headers["docker-content-digest"];
  if (expected !== undefined && isSha256(expected) && expected !== found) {
    throw damaged(image, { part: "manifest", expected, found });
  }
  return { bytes, digest: found, contentType };
}

/** A document that arrives damaged is asked for so often. */
const maxTries = 3;

/** A flipped bit on its way is none in the registry: what arrives damaged is asked for again. */
export async function untilSound<T>(read: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await read();
    } catch (error) {
      const damaged = error instanceof Failure && /^\w+\.damaged$/u.test(error.code);
      if (!damaged || tries === maxTries) throw error;
    }
  }
}

/** A small blob of JSON as a whole, as it came; null where it is longer than `maxBytes`. @throws as `readManifest` */
export async function readBlob(
  session: RegistrySession,
  asked: Asked,
  { digest, maxBytes }: { readonly digest: string; readonly maxBytes: number },
  signal: AbortSignal,
): Promise<Buffer | null> {
  const { answerLimitMs: timeLimitMs } = session;
  const request = { path: blobPath(digest), signal, timeLimitMs, redirects: "all" } as const;
  const { response } = await session.ask(asked, request);
  if (response.status !== 200) throw await refusal(session, asked, response, digest);
  const bytes = await readBody(response, session.server.failures, maxBytes);
  const isHtml = /\bhtml\b/iu.test(response.headers["content-type"] ?? "");
  if (bytes === null ? isHtml : isPage(response.headers, bytes)) {
    throw strangeAnswer(session.at, `a web page instead of ${digest} of ${asked.image}`);
  }
  return bytes;
}

/** Of what should be JSON: some login pages of networks don't say what they are. A registry names what it sends. */
function isPage(headers: HttpResponse<ByteStream>["headers"], bytes: Buffer): boolean {
  const isNamed = headers["docker-content-digest"] !== undefined;
  return !isNamed && /^\s*</u.test(bytes.subarray(0, 100).toString("latin1"));
}

/** Bytes of a blob, from where the registry sends us: the address serves other ranges, too. @throws as `Source.open` */
export async function openBlob(
  session: RegistrySession,
  asked: Asked,
  request: FileRequest,
): Promise<OpenedFile> {
  const { server, at } = session;
  const { path: digest, address } = request;
  const wanted = { request, name: `${digest} of ${asked.image}`, isPage: false };
  if (address !== null) return openAddress(server, wanted, address);
  const { response, url, reach } = await session.ask(asked, {
    ...requestOf(request),
    path: blobPath(digest),
    redirects: "none-elsewhere",
  });
  const { status } = response;
  if (status < 300 || status === 416) {
    orAbandon(response, () => {
      requireNoPage(server, wanted, response);
      requirePlain(response);
      requireDigest(response, digest, at.registry);
    });
    return { response, address: null };
  }
  if (status >= 400) throw await refusal(session, asked, response, digest);
  return openAddress(server, wanted, { url, reach });
}

/** Whether a blob can be had. @throws as `readManifest` */
export async function requireBlob(
  session: RegistrySession,
  asked: Asked,
  digest: string,
  signal: AbortSignal,
): Promise<void> {
  const { answerLimitMs: timeLimitMs } = session;
  const request = { path: blobPath(digest), method: "HEAD", signal, timeLimitMs } as const;
  const { response } = await session.ask(asked, { ...request, redirects: "none-elsewhere" });
  if (response.status >= 400) throw await refusal(session, asked, response, digest);
  await discard(response);
}

const blobPath = (digest: string): string => `blobs/${digest}`;
const isSha256 = (text: string): boolean => text.startsWith("sha256:");

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The registry names what it sends: one that differs is another blob, or not the registry's answer. */
function requireDigest(
  { headers }: HttpResponse<ByteStream>,
  digest: string,
  registry: string,
): void {
  const told = headers["docker-content-digest"];
  if (told === undefined || told === digest || !isSha256(told)) return;
  throw new TransientError("bad-answer", `${registry} reports different content for ${digest}`);
}
