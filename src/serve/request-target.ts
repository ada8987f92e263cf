import { reachOfHost } from "../host/address-reach.ts";

/** Longer than any name of a model and a file in it, several times encoded. */
const maxLength = 8192;

/**
 * The address that a request asks for. Null where a name in its path, decoded, could lead out of the folder that it is in: what
 * a URL would quietly resolve is refused.
 * @param origin by which the client knows this server
 */
export function checkedUrl(target: string, origin: string): URL | null {
  if (!target.startsWith("/") || target.length > maxLength) return null;
  const [path = ""] = target.split(/[?#]/u, 1);
  const names = path.slice(1).split("/");
  const isLast = (index: number): boolean => index === names.length - 1;
  const plain = names.every((name, index) => isPlain(name) || (name === "" && isLast(index)));
  return plain ? URL.parse(`${origin}${target}`) : null;
}

/** A revision's name may hold a slash: then the same goes for each of its parts. */
function isPlain(encoded: string): boolean {
  const name = decode(encoded);
  if (name === null || /[\p{Cc}\\]/u.test(name)) return false;
  return name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** Null where it is not encoded as it should be. */
export function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Zones that nobody can register a name in: private by RFC 6762, RFC 6761, RFC 8375, and ICANN's resolution of 2024. */
const privateZones = [".local", ".home.arpa", ".internal"];

/**
 * Whether a Host header names this server by an address, by a name that no stranger can own, or by one that its owner allows. A page of a
 * stranger can make a browser here ask by the stranger's own name alone.
 */
export function isKnownName(header: string, names: readonly string[]): boolean {
  const match = /^(?<name>\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/iu.exec(header);
  const name = (match?.groups?.["name"] ?? "").toLowerCase().replace(/\.$/u, "");
  if (name === "") return false;
  if (reachOfHost(name) !== null) return true;
  if (!name.includes(".") || privateZones.some((zone) => name.endsWith(zone))) return true;
  return names.some((own) => own.toLowerCase() === name);
}
