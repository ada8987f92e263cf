import { readFileSync } from "node:fs";
import tls from "node:tls";
import { errorCode } from "../run/error-code.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Of a certificate whose issuer is not known. */
const unknownIssuer = new Set([
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

/** Where curl and Python's clients look for a company's own certificates. */
const variables = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/**
 * Trusts, besides those that come with Node, the issuers in the system's store and in the files that the environment names.
 * To read them takes a tenth of a second, so it is done once a certificate was not trusted.
 * @returns whether `error` is of that kind and there is something new to trust: the request is worth another try
 */
export function createTrust(env: Env): (error: unknown) => boolean {
  let widened: boolean | null = null;
  return (error) => {
    if (!unknownIssuer.has(errorCode(error) ?? "")) return false;
    widened ??= widen(env);
    return widened;
  };
}

function widen(env: Env): boolean {
  const usual = tls.getCACertificates("default");
  const known = new Set(usual);
  const more = [
    ...tls.getCACertificates("system"),
    ...variables.flatMap((name) => read(env[name])),
  ];
  const added = [...new Set(more)].filter((certificate) => !known.has(certificate));
  if (added.length === 0) return false;
  tls.setDefaultCACertificates([...usual, ...added]);
  return true;
}

/** What is no certificate is left out: one that is torn must not take the others with it. */
function read(file: string | undefined): string[] {
  if (file === undefined || file === "") return [];
  try {
    const text = readFileSync(file, "utf8");
    const blocks = text.match(/-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gsu) ?? [];
    return blocks.filter((block) => {
      try {
        return tls.createSecureContext({ ca: block }) !== undefined;
      } catch {
        return false;
      }
    });
  } catch {
    return [];
  }
}
