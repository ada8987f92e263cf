import { type Probe, withinLimit, late } from "../host/time-limit.ts";
import { readEngineError } from "./engine.ts";
import type { Host } from "../host/host.ts";
import type { RunResult } from "../host/processes.ts";
import { z } from "zod";
import { parseJson } from "../run/json.ts";
import { compareVersion } from "../run/version.ts";

export interface ComposeRequest {
  readonly host: Host;
  readonly stackDir: string;
  /** After `docker compose`. */
  readonly args: readonly string[];
  /** Beside what compose gets from the shell. Never a secret. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  /** As `RunRequest` has it. */
  readonly keepsNoOutput?: boolean;
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** What a shell may have set that would win over the stack's own `.env`, or change how we read compose's words. */
const shellOnly = [
  "COMPOSE_FILE",
  "COMPOSE_PATH_SEPARATOR",
  "COMPOSE_PROJECT_NAME",
  "COMPOSE_PROFILES",
  "COMPOSE_ENV_FILES",
  "COMPOSE_DISABLE_ENV_FILE",
  "COMPOSE_STATUS_STDOUT",
  "COMPOSE_ANSI",
  "COMPOSE_PROGRESS",
  "COMPOSE_MENU",
];

/** The shell's variables as compose gets them from heros: those that win over the `.env`. */
export function composeEnvironment(host: Host): Readonly<Record<string, string | undefined>> {
  return { ...host.env, ...Object.fromEntries(shellOnly.map((name) => [name, undefined])) };
}

/** Of what a command said: its reason stands there. */
export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

/** Runs `docker compose` so that the stack's `.env`, and nothing of the shell, says which files count. */
export function runCompose(request: ComposeRequest): Promise<RunResult> {
  const { host, stackDir, args, env, input, signal, timeoutMs, keepsNoOutput, onLine } = request;
  return host.processes.run({
    command: "docker",
    args: ["compose", ...args],
    cwd: stackDir,
    env: { ...Object.fromEntries(shellOnly.map((name) => [name, undefined])), ...env },
    ...(input === undefined ? {} : { input }),
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(keepsNoOutput === undefined ? {} : { keepsNoOutput }),
    ...(onLine === undefined ? {} : { onLine }),
  });
}

export type ComposeAnswer =
  | { readonly state: "there"; readonly version: string }
  | { readonly state: "missing" }
  /** Docker itself is not there. */
  | { readonly state: "no-docker" }
  /** Docker refuses every command: what the check of its engine tells. */
  | { readonly state: "no-engine" }
  | { readonly state: "late" };

export async function askCompose(probe: Probe): Promise<ComposeAnswer> {
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({
      command: "docker",
      args: ["compose", "version", "--short"],
      signal,
    }),
  );
  return result === late ? { state: "late" } : parseComposeVersion(result);
}

/** A docker without the plugin takes `compose` or `--short` for a mistake of its own, in different words and with different statuses. */
export function parseComposeVersion(
  result: Pick<RunResult, "exitCode" | "stdout" | "stderr" | "missing">,
): ComposeAnswer {
  if (result.missing) return { state: "no-docker" };
  const version = lastLine(result.stdout).trim().replace(/^v/, "");
  if (result.exitCode === 0 && /^(\d+\.\d+|dev)/.test(version)) {
    return { state: "there", version };
  }
  return { state: readEngineError(result.stderr) === null ? "missing" : "no-engine" };
}

/** `--progress json` is there from 2.29 on. A version that is no number is taken for old. */
export function speaksJson(version: string): boolean {
  return (compareVersion(version, [2, 29]) ?? -1) >= 0;
}

export interface ListRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly signal?: AbortSignal;
}

const port = z.object({
  target: z.number(),
  /** One, a range, or none: then docker chooses. */
  published: z.string().optional(),
  host_ip: z.string().optional(),
  protocol: z.string().optional(),
});
const device = z.object({ driver: z.string(), capabilities: z.array(z.string()) }).partial();
const bytes = z.union([z.string(), z.number()]).transform(Number).optional();
const dependency = z.object({ condition: z.string() }).partial().catch({});
const service = z.object({
  image: z.string().optional(),
  build: z.unknown().optional(),
  pull_policy: z.string().optional().catch(undefined),
  platform: z.string().optional().catch(undefined),
  depends_on: z.record(z.string(), dependency).optional(),
  profiles: z.array(z.string()).default([]),
  container_name: z.string().optional().catch(undefined),
  network_mode: z.string().optional(),
  user: z.string().optional().catch(undefined),
  environment: z.record(z.string(), z.string().nullable()).default({}).catch({}),
  ports: z.array(port).default([]).catch([]),
  runtime: z.string().optional(),
  gpus: z.unknown().optional(),
  devices: z
    .array(z.object({ source: z.string() }))
    .default([])
    .catch([]),
  secrets: z
    .array(z.object({ source: z.string() }))
    .default([])
    .catch([]),
  volumes: z
    .array(z.object({ type: z.string(), source: z.string().optional(), target: z.string() }))
    .default([])
    .catch([]),
  tmpfs: z.array(z.string()).default([]).catch([]),
  mem_limit: bytes.catch(undefined).optional(),
  deploy: z
    .object({
      resources: z
        .object({
          limits: z.object({ memory: bytes }).partial().optional(),
          reservations: z
            .object({ devices: z.array(device) })
            .partial()
            .optional(),
        })
        .partial(),
    })
    .partial()
    .nullish()
    .catch(null),
});
const resources = z
  .record(
    z.string(),
    z.object({ name: z.string().optional(), external: z.unknown().optional() }).nullable(),
  )
  .nullish()
  .catch(null);
const config = z.object({
  name: z.string().optional(),
  services: z.record(z.string(), service),
  secrets: z.record(z.string(), z.object({ file: z.string().exactOptional() }).catch({})).nullish(),
  volumes: resources,
  networks: resources,
});

const untouched = z.object({ services: z.record(z.string(), z.unknown()) });

/** A service as compose merges it: `extends`, `include` and variables are worked in. */
export type StackService = z.output<typeof service>;

export interface StackConfig {
  /** Of the project; null where a compose does not say. */
  readonly name: string | null;
  /** Those that run: without the ones of a profile that is off. */
  readonly services: Readonly<Record<string, StackService>>;
  /** The same services with all that compose says of each, to compare. */
  readonly whole: ReadonlyMap<string, string>;
  /** Files of the secrets by name; null for one that is none. */
  readonly secrets: ReadonlyMap<string, string | null>;
  /** What docker calls a volume, by the name that it has in the files. */
  readonly volumeNames: ReadonlyMap<string, string>;
  /** The same of those alone that compose makes itself, and of its networks. */
  readonly ownVolumes: ReadonlyMap<string, string>;
  readonly ownNetworks: ReadonlyMap<string, string>;
  /** Service by image; where two share one, the first. */
  readonly serviceOfImage: ReadonlyMap<string, string>;
  readonly imageOfService: ReadonlyMap<string, string>;
  /** Service by port of this machine. */
  readonly serviceOfPort: ReadonlyMap<number, string>;
}

/** The stack as compose itself merges it; null where compose does not say, the reason then comes with `up`. */
export async function readStackConfig(request: ListRequest): Promise<StackConfig | null> {
  const { exitCode, stdout } = await runCompose({
    ...request,
    args: ["config", "--format", "json"],
    timeoutMs: 15_000,
  });
  return exitCode === 0 ? parseStackConfig(stdout) : null;
}

/** @param text of `docker compose config --format json`; null where it is none */
export function parseStackConfig(text: string): StackConfig | null {
  const json = parseJson(text);
  const { data } = config.safeParse(json);
  if (data === undefined) return null;
  const said = untouched.parse(json).services;
  const services = Object.entries(data.services);
  const serviceOfImage = new Map<string, string>();
  const imageOfService = new Map<string, string>();
  const serviceOfPort = new Map<number, string>();
  for (const [name, { image, ports }] of services) {
    for (const { published } of ports) {
      if (published !== undefined && /^\d+$/.test(published)) {
        serviceOfPort.set(Number(published), name);
      }
    }
    if (image === undefined) continue;
    imageOfService.set(name, image);
    if (!serviceOfImage.has(image)) serviceOfImage.set(image, name);
  }
  const secrets = new Map(
    Object.entries(data.secrets ?? {}).map(([name, { file = null }]) => [name, file]),
  );
  const volumeNames = new Map(
    Object.entries(data.volumes ?? {}).map(([key, volume]) => [key, volume?.name ?? key]),
  );
  return {
    name: data.name ?? null,
    services: data.services,
    whole: new Map(Object.entries(said).map(([name, each]) => [name, JSON.stringify(each)])),
    secrets,
    volumeNames,
    ownVolumes: ownNames(data.volumes),
    ownNetworks: ownNames(data.networks),
    serviceOfImage,
    imageOfService,
    serviceOfPort,
  };
}

function ownNames(found: z.output<typeof resources>): ReadonlyMap<string, string> {
  const own = Object.entries(found ?? {}).filter(([, each]) => !each?.external);
  return new Map(own.map(([key, each]) => [key, each?.name ?? key]));
}

/** A service and everything that it waits for, by name. */
export function neededBy(name: string, { services }: StackConfig): ReadonlySet<string> {
  const needed = new Set([name]);
  for (const each of needed) {
    for (const next of Object.keys(services[each]?.depends_on ?? {})) needed.add(next);
  }
  return needed;
}

/** Whether some service starts only after this one has ended well. */
export function mustFinish(name: string, { services }: StackConfig): boolean {
  return Object.values(services).some(
    ({ depends_on: waitsFor }) => waitsFor?.[name]?.condition === "service_completed_successfully",
  );
}

/** All services by name, each after those that it waits for. */
export function inStartOrder(stack: StackConfig): (readonly [string, StackService])[] {
  const waitsFor = new Map(
    Object.keys(stack.services).map((name) => [name, neededBy(name, stack).size]),
  );
  return Object.entries(stack.services).toSorted(
    ([one], [other]) => (waitsFor.get(one) ?? 0) - (waitsFor.get(other) ?? 0),
  );
}

/** How much memory the compose file lets a service have, in bytes; null where it sets no limit. */
export function memoryLimitOf({ mem_limit: own, deploy }: StackService): number | null {
  const limit = deploy?.resources?.limits?.memory ?? own ?? 0;
  return limit > 0 ? limit : null;
}
