import { createHash } from "node:crypto";
import type { Host } from "../../host/host.ts";
import type { ByteStream, HttpResponse, Reach } from "../../host/network.ts";
import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { calledS3, type S3Place } from "../../run/repos/s3.ts";
import { discard, readBody, sendRequest, type Server, type SourceRequest } from "../request.ts";
import { TransientError } from "../retry-policy.ts";
import { findS3Settings, isRegion, type S3Settings } from "./settings.ts";
import { emptySha256, encoded, signedHeaders } from "./sign.ts";
import { readXml, textOfChild, type XmlElement } from "./xml.ts";

type Answer = HttpResponse<ByteStream>;
type Headers = Readonly<Record<string, string>>;

export interface S3Host extends Pick<
  Host,
  "network" | "clock" | "random" | "files" | "env" | "home" | "cwd"
> {}

export interface S3Request {
  readonly method?: "GET" | "HEAD" | "PUT" | "POST";
  /** Below the bucket; empty for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Headers;
  readonly body?: Buffer;
  /** Of `body`, in hex, where it is known. */
  readonly bodySha256?: string;
  readonly signal: AbortSignal;
  readonly idleTimeoutMs?: number;
  readonly maxConnections?: number | undefined;
  readonly timeLimitMs?: number;
  readonly large?: boolean;
}

/** One bucket. */
export interface S3Client {
  readonly place: S3Place;
  /** As sentences name the store. */
  endpoint(): string;
  /** Where an answer may send us: without who we are. */
  readonly elsewhere: Server;
  /**
   * One request, signed where there are credentials. A bucket that is in another region than was said is asked there.
   * @returns answers below 300, those to another origin, 404, 412 and 416
   * @throws Failure `s3.…`; TransientError; Node's errors
   */
  send(request: S3Request): Promise<{ response: Answer; url: string; reach: Reach }>;
  /** An answer's XML. @throws Failure `s3.strange` */
  readXml(answer: Answer, name: string, maxBytes?: number): Promise<XmlElement>;
  /** A whole answer. @throws Failure `s3.strange` where it has more */
  readAll(answer: Answer, maxBytes: number): Promise<Buffer>;
}

const maxXmlBytes = 16 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;

/** Reads where the store is and who we are. Asks no server yet. @throws as `findS3Settings` */
export async function openS3(host: S3Host, place: S3Place): Promise<S3Client> {
  const settings = await findS3Settings(host);
  const { credentials } = settings;
  let { region } = settings;
  const called = calledS3(place);
  const endpoint = (): string => baseOf(settings, place, region).endpoint;

  const strange = (what: string, cause?: unknown): Failure =>
    failure("s3.strange", { endpoint: endpoint(), what }, cause);

  const failures: Server["failures"] = {
    strange,
    redirectLoop: (other) => strange(`it keeps redirecting to ${other}`),
    unsafeRedirect: (other, cause) =>
      strange(`it redirects to an address nearer than itself: ${other}`, cause),
  };

  function serverFor(request: S3Request, bodySha256: string): Server {
    const { origin } = new URL(baseOf(settings, place, region).url);
    const own: Headers = Object.fromEntries(
      Object.entries(request.headers ?? {}).filter(([name]) => name.startsWith("x-amz-")),
    );
    return {
      host,
      name: endpoint(),
      // Nobody else may see even a signature.
      authorization: (url) =>
        credentials === null || new URL(url).origin !== origin
          ? {}
          : signedHeaders({
              method: request.method ?? "GET",
              url,
              headers: own,
              bodySha256,
              region,
              credentials,
              at: host.clock.now(),
            }),
      failures,
    };
  }

  async function sendOnce(request: S3Request) {
    const { method = "GET", key, query = {}, headers = {}, body, signal } = request;
    const { idleTimeoutMs, maxConnections, timeLimitMs, large } = request;
    const bodySha256 =
      request.bodySha256 ??
      (body === undefined ? emptySha256 : createHash("sha256").update(body).digest("hex"));
    const base = baseOf(settings, place, region).url;
    const path = key.split("/").map(encoded).join("/");
    const words = Object.entries(query).map(
      ([name, value]) => `${encoded(name)}=${encoded(value)}`,
    );
    const search = words.length === 0 ? "" : `?${words.join("&")}`;
    const options: SourceRequest = {
      url: `${base}/${path}${search}`,
      method,
      headers,
      signal,
      maxConnections,
      redirects: "none-elsewhere",
      ...(body === undefined ? {} : { body }),
      ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
      ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
      ...(large === undefined ? {} : { large }),
    };
    return sendRequest(serverFor(request, bodySha256), options);
  }

  async function errorOf(response: Answer): Promise<StoreError> {
    const type = response.headers["content-type"]?.split(";")[0] ?? "no content";
    const body = await readBody(response, failures, maxErrorBytes).catch(() => null);
    const document = readXml(body?.toString("utf8") ?? "");
    const own = document?.name === "Error" ? document : null;
    const textOf = (name: string): string | null => (own === null ? null : textOfChild(own, name));
    const message = textOf("Message")?.replaceAll(/\s+/gu, " ").trim().slice(0, 200) ?? null;
    return { code: textOf("Code"), message, region: textOf("Region"), type };
  }

  /** The failure that an answer of 3xx or 4xx means. */
  function refusal(request: S3Request, response: Answer, error: StoreError): Error {
    const { status, headers } = response;
    const at = { endpoint: endpoint() };
    const where = credentials?.where ?? "";
    const key = request.key;
    switch (error.code) {
      case "NoSuchBucket":
        return failure("s3.bucket_not_found", { ...at, bucket: place.bucket });
      case "RequestTimeTooSkewed": {
        const said = Date.parse(headers["date"] ?? "");
        const theirs = Number.isNaN(said) ? null : new Date(said);
        return failure("s3.skewed", { ...at, ours: host.clock.now(), theirs });
      }
      case "InvalidAccessKeyId":
        return failure("s3.key_refused", {
          ...at,
          where,
          reason: "it does not know the access key",
        });
      case "SignatureDoesNotMatch":
        return failure("s3.key_refused", { ...at, where, reason: "the secret is wrong" });
      case "ExpiredToken":
      case "TokenRefreshRequired":
        return failure("s3.key_refused", { ...at, where, reason: "they have expired" });
      case "InvalidToken":
        return failure("s3.key_refused", { ...at, where, reason: "the session token is wrong" });
      case "AuthorizationHeaderMalformed":
      case "PermanentRedirect":
      case "IllegalLocationConstraintException":
        return failure("s3.wrong_region", {
          ...at,
          bucket: place.bucket,
          region,
          other: headers["x-amz-bucket-region"] ?? error.region,
        });
      case "BadDigest":
      case "InvalidDigest":
      case "XAmzContentSHA256Mismatch":
      case "XAmzContentChecksumMismatch":
        return failure("s3.changed_on_the_way", { place: called, key });
      case "RequestTimeout":
        return new TransientError("network", "the store did not receive the request in time");
      case "SlowDown":
        return new TransientError("rate-limited", "the store asks us to slow down");
      case "OperationAborted":
      case "ConditionalRequestConflict":
        return new TransientError("server", "somebody else changes the same object");
      default:
        break;
    }
    const isOwn = error.code !== null || headers["x-amz-request-id"] !== undefined;
    if ((status === 401 || status === 403) && (isOwn || request.method === "HEAD")) {
      return failure("s3.denied", { ...at, place: called, withKey: credentials !== null });
    }
    if (status === 301 || status === 307) {
      return strange(
        `it redirects to ${new URL(response.headers["location"] ?? at.endpoint, at.endpoint).host}`,
      );
    }
    const page = error.type === "text/html" ? "a web page" : error.type;
    if (!isOwn) return strange(`status ${status} with ${page}`);
    const words = error.message === null || error.message === "" ? "" : ` (${error.message})`;
    return failure("s3.refused", { ...at, what: `${error.code ?? `status ${status}`}${words}` });
  }

  const client: S3Client = {
    place,
    endpoint,
    elsewhere: { host, name: endpoint(), authorization: () => ({}), failures },
    async send(request) {
      for (let isFirst = true; ; isFirst = false) {
        const sent = await sendOnce(request);
        const { response } = sent;
        const { status, headers } = response;
        if (status < 300 || status === 412 || status === 416) return sent;
        const location = headers["location"];
        const isRedirect = status < 400 && location !== undefined;
        // Its body is gone already.
        const error = isRedirect ? noError : await errorOf(response);
        const other = headers["x-amz-bucket-region"] ?? error.region ?? null;
        const isMoved = [301, 307, 400, 403].includes(status) && other !== null && other !== region;
        if (isFirst && isMoved && isRegion(other)) {
          region = other;
          continue;
        }
        const isAbsent = error.code === "NoSuchKey" || error.code === "NoSuchUpload";
        if (status === 404 && (isAbsent || request.method === "HEAD")) return sent;
        const isBytes = (request.method ?? "GET") === "GET" && request.large === true;
        if (isRedirect && isBytes) return sent;
        throw refusal(request, response, error);
      }
    },
    async readXml(answer, name, maxBytes = maxXmlBytes) {
      const bytes = await client.readAll(answer, maxBytes);
      const document = readXml(bytes.toString("utf8"));
      if (document?.name === "Error") {
        // A long answer begins before it is known how it ends.
        const what = textOfChild(document, "Code") ?? "an error";
        throw new TransientError("server", `the store could not complete it: ${what}`);
      }
      if (document === null || document.name !== name) {
        throw strange(`its answer is not a ${name}`);
      }
      return document;
    },
    async readAll(answer, maxBytes) {
      const bytes = await readBody(answer, failures, maxBytes);
      if (bytes !== null) return bytes;
      await discard(answer);
      throw strange("its answer does not end");
    },
  };
  return client;
}

const noError: StoreError = { code: null, message: null, region: null, type: "no content" };

interface StoreError {
  /** Null where it is no answer of S3's. */
  readonly code: string | null;
  readonly message: string | null;
  readonly region: string | null;
  /** Its kind of content. */
  readonly type: string;
}

/** A store of one's own is asked by path; AWS by the bucket's own name, where its certificate covers that. */
function baseOf(
  { endpoint }: Pick<S3Settings, "endpoint">,
  { bucket }: S3Place,
  region: string,
): { readonly endpoint: string; readonly url: string } {
  if (endpoint !== null) return { endpoint, url: `${endpoint}/${bucket}` };
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const aws = `s3.${region}.${domain}`;
  const isHostName = /^[a-z0-9-]+$/u.test(bucket);
  const url = isHostName ? `https://${bucket}.${aws}` : `https://${aws}/${bucket}`;
  return { endpoint: `https://${aws}`, url };
}
