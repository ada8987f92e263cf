import { createHmac, randomBytes } from "node:crypto";

/** Makes and checks signed addresses that are good for a while. */
export interface Links {
  sign(path: string): string;
  verify(url: URL): "good" | "expired" | "forged";
  /** Those signed so far are expired from now on. */
  expireAll(): void;
}

export function createLinks(origin: () => string, lifetimeSeconds: number): Links {
  const key = randomBytes(32);
  let generation = 0;
  const signature = (path: string, expires: string, given: string) =>
    createHmac("sha256", key).update(`${path}\n${expires}\n${given}`).digest("hex");
  return {
    sign(path) {
      const expires = String(Math.floor(Date.now() / 1000) + lifetimeSeconds);
      const url = new URL(path, origin());
      url.searchParams.set("Expires", expires);
      url.searchParams.set("Generation", String(generation));
      url.searchParams.set("Signature", signature(url.pathname, expires, String(generation)));
      return url.href;
    },
    verify(url) {
      const expires = url.searchParams.get("Expires") ?? "";
      const given = url.searchParams.get("Generation") ?? "";
      if (url.searchParams.get("Signature") !== signature(url.pathname, expires, given)) {
        return "forged";
      }
      return Number(given) < generation || Number(expires) * 1000 <= Date.now()
        ? "expired"
        : "good";
    },
    expireAll: () => void generation++,
  };
}
