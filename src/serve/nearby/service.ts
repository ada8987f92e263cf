import type { OwnAddress } from "../../host/network.ts";
import type { DnsName } from "./dns-message.ts";

/** The kind of service that a `heros serve` is, for DNS-based service discovery (RFC 6763, 7). */
export const serviceName: DnsName = ["_heros", "_tcp", "local"];
/** What is asked for all kinds (RFC 6763, 9). */
export const kindsName: DnsName = ["_services", "_dns-sd", "_udp", "local"];

/** Where multicast DNS happens (RFC 6762, 3). */
export const multicastDns = { group: "224.0.0.251", port: 5353 } as const;

/** What a server says of itself to everybody on the network. */
export interface Announced {
  /** Of heros. */
  readonly version: string;
  /** SHA-256 of its certificate, in hexadecimal; null where it speaks plain HTTP. */
  readonly fingerprint: string | null;
  /** The stack whose models it has; null where it has none of its own. */
  readonly stack: string | null;
  readonly models: boolean;
  readonly images: boolean;
}

/** As TXT holds it (RFC 6763, 6). */
export function textsOf(announced: Announced): readonly string[] {
  const { version, fingerprint, stack, models, images } = announced;
  return [
    "txtvers=1",
    `version=${version}`,
    ...(fingerprint === null ? [] : [`tls=${fingerprint}`]),
    ...(stack === null ? [] : [`stack=${stack}`]),
    `models=${models ? "yes" : "no"}`,
    `images=${images ? "yes" : "no"}`,
  ];
}

/** Null for what no server of ours says: anybody on the network can say anything. */
export function readTexts(texts: readonly string[]): Announced | null {
  const values = new Map<string, string>();
  for (const text of texts) {
    const { key, value } =
      /^(?<key>[a-z]+)=(?<value>[\x21-\x7e]{1,100})$/u.exec(text)?.groups ?? {};
    // The first counts (RFC 6763, 6.4).
    if (key !== undefined && value !== undefined && !values.has(key)) values.set(key, value);
  }
  const version = values.get("version") ?? "";
  const fingerprint = values.get("tls") ?? null;
  const stack = values.get("stack") ?? "";
  if (values.get("txtvers") !== "1" || !/^\d+\.\d+\.\d+[\w.+-]{0,40}$/u.test(version)) return null;
  if (fingerprint !== null && !/^[\da-f]{64}$/u.test(fingerprint)) return null;
  return {
    version,
    fingerprint,
    stack: /^[a-z\d][\w.-]{0,62}$/iu.test(stack) ? stack : null,
    models: values.get("models") === "yes",
    images: values.get("images") === "yes",
  };
}

/** Whether an address is of the network that this one is of. */
export function isNeighbour(own: OwnAddress, address: string): boolean {
  const mask = bitsOf(own.netmask);
  const [one, other] = [bitsOf(own.address), bitsOf(address)];
  if (mask === null || one === null || other === null) return false;
  return (one & mask) === (other & mask);
}

/** An IPv4 address as a number of 32 bits. */
function bitsOf(address: string): number | null {
  const parts = address.split(".").map(Number);
  const isAddress = parts.length === 4 && parts.every((part) => part >= 0 && part <= 255);
  return isAddress ? parts.reduce((bits, part) => (bits << 8) | part, 0) : null;
}
