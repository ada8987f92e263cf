import { X509Certificate } from "node:crypto";
import { certificatesIn, certificateVariables } from "../host/certificates.ts";
import type { Host } from "../host/host.ts";
import { errorCode } from "../run/failure.ts";

/** A file of certificates that the environment names. */
export interface CertificateFile {
  readonly variable: string;
  readonly path: string;
  /** Why it can't be read, as the system names it; null where it can. */
  readonly problem: string | null;
  readonly count: number;
  /** The common names of those that are past their time. */
  readonly expired: readonly string[];
}

/** Larger than any system's whole store. */
const maxBytes = 8 * 1024 * 1024;

/** Looks at each; Node reads the first by itself, heros the others. */
export function readCertificateFiles({ files, env, clock }: Host): Promise<CertificateFile[]> {
  const named = ["NODE_EXTRA_CA_CERTS", ...certificateVariables].flatMap((variable) => {
    const path = env[variable] ?? "";
    return path === "" ? [] : [{ variable, path }];
  });
  const nowMs = clock.now().getTime();
  return Promise.all(
    named.map(async (each) => {
      try {
        const stats = await files.stat(each.path);
        const isFile = stats.isFile() && stats.size <= maxBytes;
        if (!isFile) return { ...each, problem: "no file of certificates", count: 0, expired: [] };
        const found = certificatesIn(await files.readFile(each.path, "utf8"));
        const read = found.map((text) => new X509Certificate(text));
        const past = read.filter(({ validTo }) => Date.parse(validTo) < nowMs);
        const expired = past.map(({ subject }) => /^CN=(.*)$/m.exec(subject)?.[1] ?? "one");
        return { ...each, problem: null, count: found.length, expired };
      } catch (error) {
        return { ...each, problem: errorCode(error) ?? "unreadable", count: 0, expired: [] };
      }
    }),
  );
}
