import { createHash } from "node:crypto";
import path from "node:path";
import { stringify } from "yaml";
import { quoted } from "../../run/shell-quote.ts";
import { type ComposeText, isYamlMap, servicesOf } from "./compose-yaml.ts";

/** The Hub's files of this machine, as containers can get them. */
export interface SharedCache {
  /** The folder that holds `models--…`, absolute. */
  readonly cacheDir: string;
  /** The folder of all that the Hub's library keeps, if the cache is its `hub`; null where the cache stands alone. */
  readonly hubHome: string | null;
  /** Containers can't change it, and ask no Hub. */
  readonly readOnly: boolean;
}

/** A container as far as it matters where its programs look for models. */
export interface CacheReader {
  /** Number of its user; null where it is not known. */
  readonly uid: number | null;
  /** All of its variables. */
  readonly environment: Readonly<Record<string, string | null | undefined>>;
}

/** One folder of this machine at a place of a container. */
export interface CacheMount {
  readonly source: string;
  readonly target: string;
  /** Where `models--…` then is in the container. */
  readonly cacheTarget: string;
  readonly readOnly: boolean;
  /** What the container must be told beside. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Where programs of a container look that runs as root and is told nothing. */
const rootsHome = "/root/.cache/huggingface";
/** For any other user: `/root` is closed to them, and Docker would make the folders above a mount in their own home as root's. */
const everyonesHome = "/var/cache/huggingface";

/** A container of an image that nobody knows yet. */
export const unknownReader: CacheReader = { uid: 0, environment: {} };

/**
 * The mount by which a container finds the cache where its programs look anyway: as its own variables say, else in the home
 * of root. Only a container of another user is told a new place.
 */
export function mountCache(cache: SharedCache, reader: CacheReader): CacheMount {
  const { cacheDir, readOnly } = cache;
  // Who only reads needs the models alone, and not the token, which is kept beside them.
  const hubHome = readOnly ? null : cache.hubHome;
  const offline: Record<string, string> = readOnly ? { HF_HUB_OFFLINE: "1" } : {};
  const own = (name: string): string | null => {
    const value = reader.environment[name]?.trim() ?? "";
    return path.posix.isAbsolute(value)
      ? path.posix.normalize(value).replace(/(.)\/$/u, "$1")
      : null;
  };
  const named = own("HF_HUB_CACHE") ?? own("HUGGINGFACE_HUB_CACHE");
  if (named !== null) {
    return { source: cacheDir, target: named, cacheTarget: named, readOnly, environment: offline };
  }
  const caches = own("XDG_CACHE_HOME");
  const ownHome =
    own("HF_HOME") ??
    (caches === null ? null : path.posix.join(caches, "huggingface")) ??
    (reader.uid === 0 ? homeOfRoot(own("HOME")) : null);
  const home = ownHome ?? everyonesHome;
  const cacheTarget = path.posix.join(home, "hub");
  const told: Record<string, string> =
    ownHome !== null
      ? {}
      : hubHome === null
        ? { HF_HUB_CACHE: cacheTarget }
        : { HF_HOME: everyonesHome };
  return {
    source: hubHome ?? cacheDir,
    target: hubHome === null ? cacheTarget : home,
    cacheTarget,
    readOnly,
    environment: { ...told, ...offline },
  };
}

function homeOfRoot(home: string | null): string {
  return home === null ? rootsHome : path.posix.join(home, ".cache/huggingface");
}

/** Arguments of `docker run`, quoted for a shell: `-v …` where it can say the path, else `--mount …`. */
export function dockerRunFlags({ source, target, readOnly, environment }: CacheMount): string {
  const variables = Object.entries(environment).map(([key, value]) => `-e ${key}=${value}`);
  // Docker splits the one at colons, and reads the other as a line of CSV.
  const mount = /[:]/u.test(source + target)
    ? `--mount ${quoted(["type=bind", field("source", source), field("target", target), ...(readOnly ? ["readonly"] : [])].join(","))}`
    : `-v ${quoted(`${source}:${target}${readOnly ? ":ro" : ""}`)}`;
  return [mount, ...variables].join(" ");
}

function field(key: string, value: string): string {
  const whole = `${key}=${value}`;
  return /[",]/u.test(whole) ? `"${whole.replaceAll('"', '""')}"` : whole;
}

/** What a service of a compose file gets. */
export function cacheService({ source, target, readOnly, environment }: CacheMount) {
  return {
    ...(Object.keys(environment).length === 0 ? {} : { environment }),
    volumes: [
      {
        type: "bind",
        source: literal(source),
        target: literal(target),
        ...(readOnly ? { read_only: true } : {}),
        // Docker would make a missing folder as root's.
        bind: { create_host_path: false },
      },
    ],
  };
}

export function cacheServiceText(mount: CacheMount): string {
  return toYaml(cacheService(mount));
}

const preface =
  "# Written by `heros cache share`, which rewrites it whole. Put changes of your own into another file.\n";
const hashLine = /^# sha256 of what follows: ([0-9a-f]{64})\n/u;

/** The text of the file: the same services give the same bytes. */
export function shareText(services: Readonly<Record<string, unknown>>): string {
  const sorted = Object.fromEntries(
    Object.entries(services).toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
  const body = toYaml({ services: sorted });
  return `${preface}# sha256 of what follows: ${sha256(body)}\n${body}`;
}

/** The services of a file from `shareText`; null where somebody else wrote it, or changed it. */
export function readShared({ path: file, text }: ComposeText): Record<string, unknown> | null {
  if (!text.startsWith(preface)) return null;
  const rest = text.slice(preface.length);
  const match = hashLine.exec(rest);
  if (match === null || match[1] !== sha256(rest.slice(match[0].length))) return null;
  const services = servicesOf([{ path: file, text }]);
  return Object.fromEntries(services.filter(([, service]) => isYamlMap(service)));
}

function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, compat: "yaml-1.1" });
}

/** Compose fills in variables everywhere; a doubled sign stands for itself. */
function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
