import { failure } from "../failures/table.ts";
import { withoutLogin } from "../login.ts";

/** A place in an object store: `s3://bucket/prefix`. */
export interface S3Place {
  readonly bucket: string;
  /** Without a slash at either end; empty for the whole bucket. */
  readonly prefix: string;
}

const scheme = "s3://";
/** Of AWS, and the wider ones that other stores take. */
const bucketPattern = /^(?!.*\.\.)[A-Za-z0-9][\w.-]{1,253}[A-Za-z0-9]$/u;
/** Longer keys are refused by every store: 1024 bytes, of which files need some. */
const maxPrefixBytes = 512;

export function isS3(text: string): boolean {
  return text.startsWith(scheme);
}

/**
 * Reads `s3://BUCKET[/PREFIX]`, as the AWS tools write it.
 * @throws Failure `s3.bad_name`, `s3.other_store` (exit 2)
 */
export function parseS3(text: string): S3Place {
  requireNoOtherStore(text);
  const refuse = (problem: string) => failure("s3.bad_name", { name: withoutLogin(text), problem });
  if (!isS3(text)) throw refuse("it does not begin with s3://");
  const [bucket = "", ...rest] = text.slice(scheme.length).replace(/\/+$/u, "").split("/");
  if (bucket.includes("@")) throw refuse("user names and passwords can't be given in an address");
  if (!bucketPattern.test(bucket)) {
    throw refuse(`${JSON.stringify(bucket)} is not the name of a bucket`);
  }
  const prefix = rest.join("/");
  const isSound = (part: string): boolean => part !== "" && part !== "." && part !== "..";
  const isPlain = prefix.isWellFormed() && !/[\p{Cc}\\]/u.test(prefix);
  if (prefix !== "" && !(isPlain && rest.every(isSound))) {
    throw refuse("the part after the bucket has an empty part, or one that no file name may have");
  }
  if (Buffer.byteLength(prefix) > maxPrefixBytes) {
    throw refuse("the part after the bucket is too long");
  }
  return { bucket, prefix };
}

const others = /^(?<scheme>gs|as|az|abfss?|wasbs?|minio|oss|cos|b2|r2):\/\//iu;

/** Addresses of stores that heros reaches only by another name. @throws Failure `s3.other_store` (exit 2) */
export function requireNoOtherStore(text: string): void {
  const other = others.exec(text)?.groups?.["scheme"]?.toLowerCase();
  if (other !== undefined)
    throw failure("s3.other_store", { name: withoutLogin(text), scheme: other });
}

export function calledS3({ bucket, prefix }: S3Place): string {
  return prefix === "" ? `${scheme}${bucket}` : `${scheme}${bucket}/${prefix}`;
}
