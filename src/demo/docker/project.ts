import { basename, join, resolve } from "node:path";
import type { Files } from "../../host/host.ts";
import { parseComposeFile } from "./compose-file.ts";
import { parseEnvLines } from "./env-lines.ts";
import { isList, isMap, mergeValues, pairs, parseShortVolume, text, type Value } from "./merge.ts";

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
    model = mergeValues(model, parseComposeFile(content, path, env));
  }
  const top = isMap(model) ? model : {};
  const services = top["services"];
  if (!isMap(services)) throw new Error("empty compose file");
  const name = env["COMPOSE_PROJECT_NAME"] ?? (text(top["name"]) || basename(folder));
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
    image: text(service["image"]),
    environment: Object.fromEntries(environment.map(([key, each]) => [key, text(each)])),
    mounts: [
      ...volumes.map((volume) => readVolume(volume, folder)),
      ...names.flatMap((secret) => readSecret(secret, secrets, folder)),
    ],
    ports: ports.map(readPort),
    publishedPorts: ports.flatMap((port) => Number(readPort(port).published ?? 0) || []),
    hasHealthCheck: isMap(service["healthcheck"]) && service["healthcheck"]["disable"] !== true,
  };
}

function readVolume(volume: Value, folder: string): Mount {
  if (!isMap(volume)) {
    const { source, target } = parseShortVolume(text(volume));
    const bind = source !== null && /^[./~]/.test(source);
    return { target, source: bind ? resolve(folder, source) : source, bind, mustExist: false };
  }
  const bind = volume["type"] === "bind";
  const source = volume["source"] === undefined ? null : text(volume["source"]);
  const options = volume["bind"];
  return {
    target: text(volume["target"]),
    source: bind && source !== null ? resolve(folder, source) : source,
    bind,
    mustExist: bind && !(isMap(options) && options["create_host_path"] === true),
  };
}

function readSecret(secret: Value, secrets: Value | undefined, folder: string): Mount[] {
  const name = isMap(secret) ? text(secret["source"]) : text(secret);
  const definition = isMap(secrets) ? secrets[name] : undefined;
  const file = isMap(definition) ? text(definition["file"]) : "";
  if (file === "") return [];
  const target = isMap(secret) && secret["target"] !== undefined ? text(secret["target"]) : name;
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
  const [short = "", protocol = "tcp"] = text(port).split("/");
  const parts = short.split(":");
  const [target = "", published = ""] = isMap(port)
    ? [text(port["target"]), text(port["published"])]
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
