import tls from "node:tls";

/** Where curl's and Python's clients look for a company's own certificates. */
export const certificateVariables = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/** Of a certificate whose issuer is not known. */
const unknownIssuer = new Set([
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
]);

/** @param code as OpenSSL, and so Node, names why a connection is not trusted */
export function isUnknownIssuer(code: string | null): boolean {
  return unknownIssuer.has(code ?? "");
}

/** The certificates in a PEM file. What is none is left out: one that is torn must not take the others with it. */
export function certificatesIn(text: string): string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----/gsu) ?? [];
  return blocks.filter((block) => {
    try {
      return tls.createSecureContext({ ca: block }) !== undefined;
    } catch {
      return false;
    }
  });
}
