import type { ComposeDocument } from "../compose-yaml.ts";
import {
  isEmpty,
  isWrittenList,
  isWrittenMap,
  nothing,
  plain,
  textOf,
  type Written,
  type WrittenList,
  type WrittenMap,
  written,
} from "./written.ts";

/**
 * Several documents of compose files as one, as compose merges them: https://github.com/compose-spec/compose-go,
 * override/merge.go and override/uncity.go. Short forms stay short.
 * @param documents read with their scalars as nodes
 */
export function mergeDocuments(documents: readonly ComposeDocument[]): WrittenMap {
  return documents.reduce<WrittenMap>((before, { root, cleared }) => {
    if (!isWrittenMap(root)) return before;
    const kept = cleared.reduce((map, { path }) => without(map, path), before);
    const own = cleared
      .filter(({ tag }) => tag === "reset")
      .reduce((map, { path }) => without(map, path), root);
    return mergeMaps(kept, own, []);
  }, {});
}

function without(map: WrittenMap, [key, ...below]: readonly string[]): WrittenMap {
  const value = key === undefined ? undefined : map[key];
  if (key === undefined || value === undefined) return map;
  if (below.length > 0) {
    return isWrittenMap(value) ? { ...map, [key]: without(value, below) } : map;
  }
  return Object.fromEntries(Object.entries(map).filter(([name]) => name !== key));
}

type Path = readonly string[];
type Merge = (one: Written, other: Written, path: Path) => Written;

function mergeMaps(one: WrittenMap, other: WrittenMap, path: Path): WrittenMap {
  const merged: Record<string, Written> = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const before = merged[key];
    const below = [...path, key];
    const result = before === undefined ? value : mergeValues(before, value, below);
    merged[key] = unique(result, below);
  }
  return merged;
}

function mergeValues(one: Written, other: Written, path: Path): Written {
  const merge = mergers.find(([pattern]) => fits(pattern, path))?.[1] ?? mergeUsual;
  if (isEmpty(one)) return other;
  return merge(one, other, path);
}

const mergeUsual: Merge = (one, other, path) => {
  if (isWrittenMap(one)) return isWrittenMap(other) ? mergeMaps(one, other, path) : one;
  if (isWrittenList(one)) return isWrittenList(other) ? [...one, ...other] : one;
  return other;
};

const replace: Merge = (_one, other) => other;
const mergePairs: Merge = (one, other) => ({ ...pairsOf(one), ...pairsOf(other) });
const mergeNamed: Merge = (one, other, path) =>
  mergeMaps(namedOf(one, nothing), namedOf(other, nothing), path);
const mergeDependencies: Merge = (one, other, path) =>
  mergeMaps(namedOf(one, started), namedOf(other, started), path);
const mergeLists: Merge = (one, other) => [...listOf(one), ...listOf(other)];
const mergeHosts: Merge = (one, other) => [...hostsOf(one), ...hostsOf(other)];
const mergeBuild: Merge = (one, other, path) => mergeMaps(buildOf(one), buildOf(other), path);
/** Options of one driver mean nothing to another. */
const mergeLogging: Merge = (one, other, path) => {
  if (!isWrittenMap(one) || !isWrittenMap(other)) return other;
  const driver = textOf(other["driver"]);
  const isSame = driver === null || driver === textOf(one["driver"]);
  return isSame ? mergeMaps(one, other, path) : other;
};
const mergeUlimit: Merge = (one, other, path) =>
  isWrittenMap(one) && isWrittenMap(other) ? mergeMaps(one, other, path) : other;

/** A map, or a list of `NAME=value`; a name alone stands for a variable of whoever starts the stack. */
function pairsOf(value: Written): WrittenMap {
  if (isWrittenMap(value)) return value;
  const pairs = listOf(value).flatMap((each): [string, Written][] => {
    const text = textOf(each);
    if (text === null) return [];
    const at = text.indexOf("=");
    return at === -1 ? [[text, nothing]] : [[text.slice(0, at), written(text.slice(at + 1))]];
  });
  return Object.fromEntries(pairs);
}

/** A map by name, or a list of names. */
function namedOf(value: Written, each: Written): WrittenMap {
  if (isWrittenMap(value)) return value;
  return Object.fromEntries(listOf(value).map((name) => [textOf(name) ?? "", each]));
}

const started: WrittenMap = { condition: plain("service_started") };

function listOf(value: Written): WrittenList {
  return isWrittenList(value) ? value : isEmpty(value) ? [] : [value];
}

function hostsOf(value: Written): WrittenList {
  if (!isWrittenMap(value)) return listOf(value);
  return Object.entries(value).flatMap(([name, addresses]) =>
    listOf(addresses).map((address) => written(`${name}=${textOf(address) ?? ""}`)),
  );
}

function buildOf(value: Written): WrittenMap {
  return isWrittenMap(value) ? value : { context: value };
}

/** `*` is any one key. */
type Pattern = readonly string[];

function patternOf(text: string): Pattern {
  return text.split(".");
}

function fits(each: Pattern, path: Path): boolean {
  return each.length === path.length && each.every((key, at) => key === "*" || key === path[at]);
}

const service = (keys: readonly string[], merge: Merge): (readonly [Pattern, Merge])[] =>
  keys.map((key) => [patternOf(`services.*.${key}`), merge]);

const mergers: readonly (readonly [Pattern, Merge])[] = [
  ...service(["command", "entrypoint", "healthcheck.test"], replace),
  ...service(
    ["annotations", "build.args", "build.additional_contexts", "build.labels", "deploy.labels"],
    mergePairs,
  ),
  ...service(["environment", "labels", "sysctls"], mergePairs),
  ...service(["dns", "dns_opt", "dns_search", "env_file", "label_file", "tmpfs"], mergeLists),
  ...service(["extra_hosts", "build.extra_hosts"], mergeHosts),
  ...service(["networks", "models"], mergeNamed),
  ...service(["depends_on"], mergeDependencies),
  ...service(["build"], mergeBuild),
  ...service(["logging"], mergeLogging),
  ...service(["ulimits.*"], mergeUlimit),
  [patternOf("networks.*.labels"), mergePairs],
  [patternOf("volumes.*.labels"), mergePairs],
];

type KeyOf = (entry: Written) => string | null;

/** What stands twice in a list stands there once, in its first place, as the last one says it. */
function unique(value: Written, path: Path): Written {
  const keyOf = indexers.find(([each]) => fits(each, path))?.[1];
  if (keyOf === undefined || !isWrittenList(value)) return value;
  const found = new Map<string, number>();
  const entries: Written[] = [];
  for (const entry of value) {
    const key = keyOf(entry);
    const at = key === null ? undefined : found.get(key);
    if (at !== undefined) entries[at] = entry;
    else {
      if (key !== null) found.set(key, entries.length);
      entries.push(entry);
    }
  }
  return entries;
}

const byName: KeyOf = (entry) => textOf(entry)?.replace(/=.*$/su, "") ?? null;
const byText: KeyOf = (entry) => textOf(entry);
const byPath: KeyOf = (entry) => (isWrittenMap(entry) ? textOf(entry["path"]) : textOf(entry));
const byTarget: KeyOf = (entry) => (isWrittenMap(entry) ? textOf(entry["target"]) : placeOf(entry));
const byFile =
  (folder: string): KeyOf =>
  (entry) => {
    if (!isWrittenMap(entry)) return inFolder(folder, textOf(entry));
    return inFolder(folder, textOf(entry["target"]) ?? textOf(entry["source"]));
  };

function inFolder(folder: string, name: string | null): string | null {
  return name === null || name.startsWith("/") ? name : `${folder}/${name}`;
}

/** A colon of `${NAME:-word}` separates nothing. */
export const separator = /:(?![^{]*\})/u;

/** Where a volume in its short form stands in the container. */
function placeOf(entry: Written): string | null {
  const text = textOf(entry);
  if (text === null) return null;
  const [first = "", second] = text.split(separator);
  return second ?? first;
}

const byPort: KeyOf = (entry) => {
  if (!isWrittenMap(entry)) {
    const [place = "", protocol = "tcp"] = (textOf(entry) ?? "").split("/");
    const parts = place.split(separator);
    const target = parts.pop() ?? "";
    const published = parts.pop() ?? "";
    return `${parts.join(":")}:${published}:${target}/${protocol}`;
  }
  const part = (name: string) => textOf(entry[name]) ?? "";
  return `${part("host_ip")}:${part("published")}:${part("target")}/${part("protocol") || "tcp"}`;
};

const indexed = (keys: readonly string[], keyOf: KeyOf): (readonly [Pattern, KeyOf])[] =>
  keys.map((key) => [patternOf(`services.*.${key}`), keyOf]);

const indexers: readonly (readonly [Pattern, KeyOf])[] = [
  ...indexed(["environment", "labels", "annotations", "sysctls", "build.args"], byName),
  ...indexed(["cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "expose"], byText),
  ...indexed(["links", "profiles", "tmpfs", "build.tags", "build.platforms"], byText),
  ...indexed(["extra_hosts", "networks.*.aliases", "networks.*.link_local_ips"], byText),
  ...indexed(["volumes", "devices"], byTarget),
  ...indexed(["ports"], byPort),
  ...indexed(["env_file", "label_file"], byPath),
  ...indexed(["secrets"], byFile("/run/secrets")),
  ...indexed(["configs"], byFile("")),
];
