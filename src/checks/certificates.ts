import { late, type Late, type Probe } from "../host/time-limit.ts";
import type { CertificateFile } from "../machine/certificates.ts";
import { type Finding, lateFinding } from "./finding.ts";

/** How a network's own issuer becomes known to this machine: to heros, to Docker, to everything. */
const addIssuer =
  "Your network inspects secure connections. Ask its administrator for its root certificate (a .crt file), then: sudo cp FILE.crt /usr/local/share/ca-certificates/ && sudo update-ca-certificates. Docker reads it after sudo systemctl restart docker";

export interface CertificatesAsked extends Pick<Probe, "limitMs"> {
  /** The address of the Hub whose certificate is of an issuer that nobody here knows; null where there is none. */
  readonly untrusted: string | null;
  /** The environment turns the verification of certificates off. */
  readonly isOff: boolean;
}

/** Which certificates are trusted besides the usual ones, and whether that is enough. Never advises to verify less. */
export function assessCertificates(
  files: readonly CertificateFile[] | Late,
  { untrusted, isOff, limitMs }: CertificatesAsked,
): Finding {
  if (files === late) return lateFinding({ limitMs });
  const told = files.map(describe).join("; ");
  const unusable = files.filter(isUnusable);
  if (isOff) {
    return {
      status: "warning",
      found:
        "NODE_TLS_REJECT_UNAUTHORIZED turns verification off: anybody on the way can read the token",
      remedy: "unset NODE_TLS_REJECT_UNAUTHORIZED",
    };
  }
  if (untrusted !== null) {
    const found = `nothing here vouches for ${untrusted}`;
    return {
      status: "warning",
      found: told === "" ? found : `${found}; ${told}`,
      remedy: addIssuer,
    };
  }
  if (unusable.length > 0) {
    const names = unusable.map(({ variable }) => variable).join(", ");
    return {
      status: "warning",
      found: told,
      remedy: `Correct or unset ${names}.`,
    };
  }
  return { status: "ok", found: told === "" ? "those of the system" : told };
}

function isUnusable({ count, expired }: CertificateFile): boolean {
  return expired.length === count;
}

/** "SSL_CERT_FILE: 2 certificates in /etc/corp.pem, expired: Corp Root". */
function describe({ variable, path, problem, count, expired }: CertificateFile): string {
  if (problem !== null) return `${variable}: ${path} can't be read (${problem})`;
  if (count === 0) return `${variable}: no certificate in ${path}`;
  const past = expired.length === 0 ? "" : `, expired: ${expired.slice(0, 3).join(", ")}`;
  return `${variable}: ${count} ${count === 1 ? "certificate" : "certificates"} in ${path}${past}`;
}
