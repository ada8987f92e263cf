import { basename, join, resolve } from "node:path";
import { type Node, parseDocument, visit, YAMLMap } from "yaml";
import type { Files } from "../../host/host.ts";

/** Where something of the machine, or a volume of Docker's, shows in a container. */
export interface Mount {
  readonly target: string;
  /** A path on the machine, or the name of a volume; null for a volume without one. */
  readonly source: string | null;
  readonly bind: boolean;
  /** Compose refuses to start where the path is missing. */
  readonly mustExist: boolean;
}

/** As `docker compose config` prints it. */
export interface Port {
  readonly mode: "ingress";
  readonly target: number;
  readonly published?: string;
  readonly host_ip?: string;
  readonly protocol: string;
}

export interface Service {
  readonly name: string;
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly ports: readonly Port[];
  /** On the machine. */
  readonly publishedPorts: readonly number[];
  readonly hasHealthCheck: boolean;
  /** It ends as soon as it has done its work. */
  readonly endsByItself: boolean;
  /** Services that are started before it. */
  readonly dependsOn: readonly string[];
}

export interface Project {
  readonly name: string;
  readonly services: readonly Service[];
  /** Merged, with its variables filled in. */
  readonly model: Value;
}

export interface ProjectRequest {
  readonly folder: string;
  /** From `-f`. Empty: what COMPOSE_FILE names, else the usual names. */
  readonly files: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What a file named `-` holds. */
  readonly input: string;
  /** Variables are left as they stand. */
  readonly raw: boolean;
}

const baseNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const overrideNames = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

/** Reads a stack as compose does. @throws Error with what compose would say */
export async function loadProject(files: Files, request: ProjectRequest): Promise<Project> {
  const { folder } = request;
  const fromFile = parseEnvLines(
    await files.readFile(join(folder, ".env"), "utf8").catch(() => ""),
  );
  // The environment wins over the file.
  const env = { ...fromFile, ...request.env };
  let model: Value = {};
  for (const path of await chooseFiles(files, request, env["COMPOSE_FILE"])) {
    const content =
      path === "-"
        ? request.input
        : await files.readFile(path, "utf8").catch((cause: unknown) => {
            throw new Error(`open ${path}: no such file or directory`, { cause });
          });
    model = mergeValues(model, parseComposeFile(content, path, request.raw ? null : env));
  }
  const top = isMap(model) ? model : {};
  const services = top["services"];
  if (!isMap(services)) throw new Error("empty compose file");
  const name = env["COMPOSE_PROJECT_NAME"] ?? (asText(top["name"]) || basename(folder));
  return {
    name: name.toLowerCase().replaceAll(/[^a-z0-9_-]/g, ""),
    model,
    services: Object.entries(services).map(([service, value]) =>
      readService(service, { value, folder, secrets: top["secrets"] }),
    ),
  };
}

async function chooseFiles(
  files: Files,
  { folder, files: given }: ProjectRequest,
  composeFile = "",
): Promise<string[]> {
  const named = given.length > 0 ? given : composeFile.split(":").filter((name) => name !== "");
  if (named.length > 0) return named.map((name) => (name === "-" ? name : resolve(folder, name)));
  const there = new Set(await files.readdir(folder).catch(() => []));
  const base = baseNames.find((name) => there.has(name));
  if (base === undefined) throw new Error("no configuration file provided: not found");
  const override = overrideNames.find((name) => there.has(name));
  return [base, ...(override === undefined ? [] : [override])].map((name) => join(folder, name));
}

/** Looks for models, and ends. */
const bootstrap = "her_os.bootstrap";

interface ServiceSource {
  readonly value: Value;
  readonly folder: string;
  /** The top level's. */
  readonly secrets: Value | undefined;
}

function readService(name: string, { value, folder, secrets }: ServiceSource): Service {
  const service = isMap(value) ? value : {};
  const volumes = isList(service["volumes"]) ? service["volumes"] : [];
  const names = isList(service["secrets"]) ? service["secrets"] : [];
  const ports = isList(service["ports"]) ? service["ports"] : [];
  const environment = Object.entries(pairs(service["environment"]));
  return {
    name,
    image: asText(service["image"]),
    environment: Object.fromEntries(environment.map(([key, each]) => [key, asText(each)])),
    mounts: [
      ...volumes.map((volume) => readVolume(volume, folder)),
      ...names.flatMap((secret) => readSecret(secret, secrets, folder)),
    ],
    ports: ports.map(readPort),
    publishedPorts: ports.flatMap((port) => Number(readPort(port).published ?? 0) || []),
    hasHealthCheck: isMap(service["healthcheck"]) && service["healthcheck"]["disable"] !== true,
    endsByItself: isList(service["entrypoint"]) && service["entrypoint"].includes(bootstrap),
    dependsOn: namesOf(service["depends_on"]),
  };
}

function readVolume(volume: Value, folder: string): Mount {
  if (!isMap(volume)) {
    const { source, target } = parseShortVolume(asText(volume));
    const bind = source !== null && /^[./~]/.test(source);
    return { target, source: bind ? resolve(folder, source) : source, bind, mustExist: false };
  }
  const bind = volume["type"] === "bind";
  const source = volume["source"] === undefined ? null : asText(volume["source"]);
  const options = volume["bind"];
  return {
    target: asText(volume["target"]),
    source: bind && source !== null ? resolve(folder, source) : source,
    bind,
    mustExist: bind && !(isMap(options) && options["create_host_path"] === true),
  };
}

function readSecret(secret: Value, secrets: Value | undefined, folder: string): Mount[] {
  const name = isMap(secret) ? asText(secret["source"]) : asText(secret);
  const definition = isMap(secrets) ? secrets[name] : undefined;
  const file = isMap(definition) ? asText(definition["file"]) : "";
  if (file === "") return [];
  const target = isMap(secret) && secret["target"] !== undefined ? asText(secret["target"]) : name;
  return [
    {
      target: resolve("/run/secrets", target),
      source: resolve(folder, file),
      bind: true,
      mustExist: true,
    },
  ];
}

/** `8000:8000`, `127.0.0.1:8000:8000/tcp`, or `{published, target}`. */
function readPort(port: Value): Port {
  const [short = "", protocol = "tcp"] = asText(port).split("/");
  const parts = short.split(":");
  const [target = "", published = ""] = isMap(port)
    ? [asText(port["target"]), asText(port["published"])]
    : [parts.at(-1), parts.at(-2)];
  const ip = parts.slice(0, -2).join(":");
  return {
    mode: "ingress",
    target: Number(target),
    ...(published === "" ? {} : { published }),
    ...(ip === "" ? {} : { host_ip: ip }),
    protocol,
  };
}

/** One compose file with its variables filled in, or with null as it stands. @throws Error with compose's words */
export function parseComposeFile(
  content: string,
  path: string,
  env: Readonly<Record<string, string | undefined>> | null,
): Value {
  const document = parseDocument(content, { merge: true });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(`yaml: ${path}: ${error.message}`);
  visit(document, {
    Node(_, node) {
      if (node.tag !== "!reset" && node.tag !== "!override") return undefined;
      return wrap(node, tagKeys[node.tag]);
    },
  });
  const value = document.toJS() as Value;
  return env === null ? value : fillIn(value, env);
}

function wrap(node: Node, key: string): YAMLMap {
  const inner = node.clone() as Node;
  delete (inner as { tag?: string }).tag;
  const map = new YAMLMap();
  map.set(key, inner);
  return map;
}

function fillIn(value: Value, env: Readonly<Record<string, string | undefined>>): Value {
  if (typeof value === "string") return interpolate(value, env);
  if (isList(value)) return value.map((each) => fillIn(each, env));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fillIn(each, env)]));
}

/** The assignments of a `.env` file, as far as the demo's stack has them: one a line, quoted or bare. */
export function parseEnvLines(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, key, quoted, bare] =
      /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:(["'].*["'])|(.*?))\s*$/.exec(line) ?? [];
    if (key === undefined) continue;
    values[key] =
      quoted === undefined ? (bare ?? "").replace(/\s#.*$/, "").trim() : quoted.slice(1, -1);
  }
  return values;
}

/**
 * Fills variables in as compose does: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+instead}`; `$$` is a dollar.
 * @throws Error with compose's own words for a required variable
 */
export function interpolate(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const pattern =
    /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}]|\{[^{}]*\})*))?\})/g;
  return text.replace(
    pattern,
    (_, dollar?: string, plain?: string, braced?: string, operator?: string, word: string = "") => {
      if (dollar !== undefined) return "$";
      const name = plain ?? braced ?? "";
      const value = env[name];
      const isSet = operator?.startsWith(":") === true ? (value ?? "") !== "" : value !== undefined;
      switch (operator?.at(-1)) {
        case "-":
          return isSet ? (value ?? "") : interpolate(word, env);
        case "+":
          return isSet ? interpolate(word, env) : "";
        case "?":
          if (isSet) return value ?? "";
          throw new Error(`required variable ${name} is missing a value: ${word}`);
        default:
          return value ?? "";
      }
    },
  );
}

/** What a compose file holds once it is parsed. */
export type Value = string | number | boolean | null | readonly Value[] | ValueMap;
export interface ValueMap {
  readonly [key: string]: Value;
}

/** A value `!reset` or `!override` is kept as a map with this one key. */
export const tagKeys = { "!reset": "\0reset", "!override": "\0override" } as const;

/** Keys whose later value stands alone. */
const replaced = new Set(["command", "entrypoint", "test"]);

/** Compose's rules: maps merge, lists append, volumes are one a target; command, entrypoint and health check are replaced. */
export function mergeValues(before: Value | undefined, after: Value, key = ""): Value {
  if (isMap(after)) {
    if (tagKeys["!reset"] in after) return null;
    const override = after[tagKeys["!override"]];
    if (override !== undefined) return override;
  }
  if (key === "environment" || key === "labels") return { ...pairs(before), ...pairs(after) };
  if (isList(before) && isList(after)) {
    if (replaced.has(key)) return after;
    const all = [...before, ...after];
    return key === "volumes"
      ? [...new Map(all.map((each) => [volumeTarget(each), each])).values()]
      : all;
  }
  if (!isMap(after)) return after;
  const merged: Record<string, Value> = isMap(before) ? { ...before } : {};
  for (const [name, value] of Object.entries(after)) {
    const next = mergeValues(merged[name], value, name);
    if (isMap(value) && tagKeys["!reset"] in value) delete merged[name];
    else merged[name] = next;
  }
  return merged;
}

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === "object" && value !== null && !isList(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** As text; empty for what is none. */
export function asText(value: Value | undefined): string {
  return typeof value === "object" || value === undefined ? "" : String(value);
}

/** `KEY=value` lines or a map, as a map. */
export function pairs(value: Value | undefined): Record<string, Value> {
  if (isMap(value)) return { ...value };
  if (!isList(value)) return {};
  return Object.fromEntries(
    value.map((line) => {
      const [key = "", ...rest] = asText(line).split("=");
      return [key, rest.length === 0 ? null : rest.join("=")];
    }),
  );
}

function volumeTarget(volume: Value): string {
  return isMap(volume) ? asText(volume["target"]) : parseShortVolume(asText(volume)).target;
}

/** `source:target[:mode]`, or a target alone. */
export function parseShortVolume(short: string): { source: string | null; target: string } {
  const [first = "", second] = short.split(":");
  return second === undefined ? { source: null, target: first } : { source: first, target: second };
}

/** A list of names, or a map by them. */
function namesOf(value: Value | undefined): string[] {
  return isList(value) ? value.map(asText) : isMap(value) ? Object.keys(value) : [];
}
