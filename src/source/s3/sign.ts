import { createHash, createHmac } from "node:crypto";
import type { Secret } from "../../run/secret.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Of credentials that end after a while. */
  readonly sessionToken: Secret | null;
  /** Where a person would look for them: "AWS_ACCESS_KEY_ID", "the profile default". */
  readonly where: string;
}

export interface ToSign {
  readonly method: string;
  /** Its path and its query are percent-encoded as `encoded` does. */
  readonly url: string;
  /** Headers that are signed besides those of the signature. Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the body, in hex. */
  readonly bodySha256: string;
  readonly region: string;
  readonly credentials: Credentials;
  readonly at: Date;
}

export const emptySha256 = createHash("sha256").digest("hex");

/** Percent-encodes all but unreserved characters (RFC 3986), as signatures want it. */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/gu,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The headers that sign a request to S3, with AWS Signature Version 4
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
 */
export function signedHeaders(request: ToSign): Record<string, string> {
  const { method, url, bodySha256, region, credentials, at } = request;
  const { accessKeyId, sessionToken } = credentials;
  const { host, pathname, search } = new URL(url);
  const time = at.toISOString().replaceAll(/[-:]|\.\d{3}/gu, "");
  const day = time.slice(0, 8);
  const own: Record<string, string> = {
    "x-amz-content-sha256": bodySha256,
    "x-amz-date": time,
    ...(sessionToken === null ? {} : { "x-amz-security-token": sessionToken.reveal() }),
  };
  const all = Object.entries({ host, ...request.headers, ...own })
    .map(([name, value]) => [name, value.trim().replaceAll(/ +/gu, " ")] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  const names = all.map(([name]) => name).join(";");
  const canonical = [
    method,
    pathname,
    canonicalQuery(search),
    ...all.map(([name, value]) => `${name}:${value}`),
    "",
    names,
    bodySha256,
  ].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", time, scope, digest].join("\n");
  const signature = hmac(signingKey(credentials, day, region), toSign).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},SignedHeaders=${names},Signature=${signature}`;
  return { ...own, authorization };
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** The last that was made with these credentials: it is the same all day, and a download signs some hundred ranges a GB. */
const signingKeys = new WeakMap<Credentials, { readonly scope: string; readonly key: Buffer }>();

function signingKey(credentials: Credentials, day: string, region: string): Buffer {
  const scope = `${day}/${region}`;
  const known = signingKeys.get(credentials);
  if (known?.scope === scope) return known.key;
  const secret = `AWS4${credentials.secretAccessKey.reveal()}`;
  const key = [region, "s3", "aws4_request"].reduce(hmac, hmac(secret, day));
  signingKeys.set(credentials, { scope, key });
  return key;
}

/** By name, then by value. */
function canonicalQuery(search: string): string {
  const pairs = search
    .slice(1)
    .split("&")
    .filter((pair) => pair !== "");
  const parts = pairs.map((pair) => {
    const [name = "", value = ""] = pair.split("=");
    return [name, value] as const;
  });
  const before = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
  return parts
    .toSorted((a, b) => before(a[0], b[0]) || before(a[1], b[1]))
    .map((pair) => pair.join("="))
    .join("&");
}
