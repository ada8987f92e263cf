import { isAbsolute, join, resolve } from "node:path";
import type { Host } from "../../host/host.ts";
import { readNamedFile } from "../../host/named-file.ts";
import { Secret } from "../../run/secret.ts";
import { isLoopback } from "../../host/network.ts";
import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { calledS3, isS3, parseS3, requireNoOtherStore } from "../../run/repos/s3.ts";

export interface HubToken {
  readonly token: Secret;
  readonly source: "environment" | "hub-file";
  /** Where a person would look for it: "HF_TOKEN", "~/.cache/huggingface/token". */
  readonly where: string;
}

type Env = Host["env"];
/** A token is a word. */
const maxTokenBytes = 10_000;

type Place = Pick<Host, "env" | "home" | "cwd">;

export const defaultEndpoint = "https://huggingface.co";

/** The Hub's address, from HF_ENDPOINT or the default. @throws Failure `settings.bad_value` */
export function findEndpoint(env: Env): string {
  return parseEndpoint("HF_ENDPOINT", filled(env, "HF_ENDPOINT") ?? defaultEndpoint);
}

/** Whether HF_HUB_OFFLINE says that the Hub may not be asked, with the words that huggingface_hub takes for yes. */
export function isHubOffline(env: Env): boolean {
  return ["1", "ON", "YES", "TRUE"].includes((env["HF_HUB_OFFLINE"] ?? "").toUpperCase());
}

/** The Hub cache, absolute: the first variable that is set, in huggingface_hub's order, with `~` and `$VAR` expanded. */
export function findCacheDir(place: Place): string {
  const { env } = place;
  const given = filled(env, "HF_HUB_CACHE") ?? filled(env, "HUGGINGFACE_HUB_CACHE");
  return given === undefined ? join(findHubHome(place), "hub") : expand(given, place);
}

/** The variable of the Hub's own that names the cache; null where none does. */
export function cacheVariable(env: Env): string | null {
  const names = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"];
  return names.find((name) => filled(env, name) !== undefined) ?? null;
}

/** Tokens that are there already: the environment's first, then the file that `hf auth login` writes. */
export async function findTokens(host: Place & Pick<Host, "files" | "clock">): Promise<HubToken[]> {
  const tokens: HubToken[] = [];
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const value = clean(host.env[name] ?? "");
    if (value !== "") {
      tokens.push({ token: new Secret(value), source: "environment", where: name });
      break;
    }
  }
  const given = filled(host.env, "HF_TOKEN_PATH");
  const path = given === undefined ? join(findHubHome(host), "token") : expand(given, host);
  const read = await readNamedFile(host, path, maxTokenBytes).catch(() => null);
  const text = read !== null && "bytes" in read ? read.bytes.toString("utf8") : "";
  const value = clean(text);
  if (value !== "") {
    const where = path.startsWith(`${host.home}/`) ? `~${path.slice(host.home.length)}` : path;
    tokens.push({ token: new Secret(value), source: "hub-file", where });
  }
  return tokens;
}

/** The folder of all that the Hub's library keeps, absolute: the cache in `hub`, the token in `token`. */
export function findHubHome(place: Place): string {
  const home = filled(place.env, "HF_HOME");
  if (home !== undefined) return expand(home, place);
  const caches = filledIn(filled(place.env, "XDG_CACHE_HOME") ?? "", place);
  // A relative one does not count: XDG Base Directory Specification.
  return join(isAbsolute(caches) ? caches : join(place.home, ".cache"), "huggingface");
}

/** A variable that is empty counts as not set. */
function filled(env: Env, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === undefined || value === "" ? undefined : value;
}

/** As Python's expandvars and expanduser do: a variable that is not set stays as it is written. */
function filledIn(path: string, { env, home }: Place): string {
  return path
    .replace(
      /\$(?:\{(?<braced>[^}]*)\}|(?<bare>\w+))/gu,
      (whole, braced?: string, bare?: string) => env[braced ?? bare ?? ""] ?? whole,
    )
    .replace(/^~(?=\/|$)/u, home);
}

/** A path as people write it, with `~` and `$VAR`: absolute as it is meant, relative as it was. */
export function expandPath(path: string, place: Place): string {
  const whole = filledIn(path.trim(), place);
  return isAbsolute(whole) ? resolve(whole) : whole;
}

function expand(path: string, place: Place): string {
  return resolve(place.cwd, filledIn(path, place));
}

/** A pasted token often brings a line break, which no header may hold. */
function clean(token: string): string {
  return token.replaceAll(/[\r\n]/gu, "").trim();
}

/**
 * The address of a Hub, or of a bucket in its place, as it is used: with a scheme, without a slash at its end. One without a scheme is of https, or of http
 * on this machine. @param source what a person would change: "--endpoint", "HF_ENDPOINT"
 * @throws Failure `settings.bad_value` (exit 2), which never shows a password
 */
export function parseEndpoint(source: string, text: string): string {
  const given = text.trim();
  requireNoOtherStore(given);
  if (isS3(given)) return calledS3(parseS3(given));
  const url = given.includes("://") ? URL.parse(given) : withScheme(given);
  const refuse = (problem: string): Failure =>
    failure("settings.bad_value", { name: source, address: problem });
  if (given.includes("@")) {
    throw refuse("contains a user name or password, which heros does not send to a Hub");
  }
  if (url === null || !/^https?:$/u.test(url.protocol)) {
    throw refuse(`is not a Hub address: ${JSON.stringify(text)}`);
  }
  if (url.search !== "" || url.hash !== "") throw refuse("must not contain ? or #");
  return url.href.replace(/\/+$/u, "");
}

/**
 * Addresses of Hubs with commas between them, in order of preference, each once.
 * @throws Failure `settings.bad_value` (exit 2)
 */
export function parseEndpoints(source: string, text: string): readonly [string, ...string[]] {
  const [first = "", ...rest] = text.split(",").map((part) => parseEndpoint(source, part));
  return [first, ...new Set(rest.filter((other) => other !== first))];
}

/** As people write it: a name with a dot or a port. */
function withScheme(text: string): URL | null {
  const { name } =
    /^(?<name>[\w-]+(?:\.[\w-]+)*|\[[\da-f:]+\])(?::\d+)?(?:\/|$)/iu.exec(text)?.groups ?? {};
  if (name === undefined) return null;
  if (isLoopback(name.toLowerCase())) return URL.parse(`http://${text}`);
  return /[.:]/u.test(text) ? URL.parse(`https://${text}`) : null;
}
