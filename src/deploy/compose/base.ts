import {
  lastLine,
  parseStackConfig,
  type StackConfig,
  type StackService,
  runCompose,
} from "../../docker/compose.ts";
import path from "node:path";
import type { Notice } from "../../run/events/run.ts";
import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import {
  type CoreOf,
  portVariable,
  type Published,
  publishedAddress,
  standIns,
} from "./core-service.ts";
import { type ComposeText, invalidBase, isYamlMap, readComposeYaml } from "./compose-yaml.ts";
import { readEngineError } from "../../docker/engine.ts";
import type { Host } from "../../host/host.ts";
import { knownOutput, redactComposeOutput } from "../../docker/compose-failures.ts";

export interface BaseRead {
  /** Services of all files, in order. */
  readonly services: readonly string[];
  /** Services that the user's files hand a GPU already: a second reservation would be added, not merged. */
  readonly gpuReserved: ReadonlySet<string>;
  /** Every text that stands as a value: where compose fills variables in. */
  readonly texts: readonly string[];
  /** They take something from other files, which are not read here. */
  readonly reachOut: boolean;
}

/**
 * Looks whether the user's compose files can be built upon.
 * @param core the service that answers
 * @throws Failure `stack.base_invalid` (exit 2) where one is not YAML, or none has that service
 */
export function readBase(files: readonly ComposeText[], core: string): BaseRead {
  const services = new Set<string>();
  const gpuReserved = new Set<string>();
  let includes = false;
  let isExtended = false;
  const documents = files.flatMap(readComposeYaml);
  for (const { root } of documents) {
    includes ||= root["include"] !== undefined;
    const found = root["services"];
    if (!isYamlMap(found)) continue;
    for (const [name, service] of Object.entries(found)) {
      services.add(name);
      isExtended ||= isYamlMap(service) && isYamlMap(service["extends"]);
      if (hasGpu(service)) gpuReserved.add(name);
    }
  }
  if (!services.has(core) && !includes)
    throw withoutCore(
      files.map((file) => file.path),
      core,
    );
  return {
    services: [...services],
    gpuReserved,
    texts: documents.flatMap(({ texts }) => texts),
    reachOut: includes || isExtended,
  };
}

function withoutCore(files: readonly string[], core: string): Failure {
  return invalidBase(
    `${files.join(", ")} has no service named ${core}`,
    `heros extends the service ${core}. Rename yours, or choose another folder with --stack-dir.`,
  );
}

/** A name of CDI's, or the driver's own device: `nvidia.com/gpu=all`, `/dev/nvidia0`. */
function isGpuDevice(source: string): boolean {
  return /^(?:nvidia\.com\/gpu=|\/dev\/nvidia)/.test(source);
}

function hasGpu(service: unknown): boolean {
  if (!isYamlMap(service)) return false;
  const devices = ["deploy", "resources", "reservations", "devices"].reduce<unknown>(
    (value, key) => (isYamlMap(value) ? value[key] : undefined),
    service,
  );
  const direct = Array.isArray(service["devices"]) ? service["devices"] : [];
  return (
    devices !== undefined ||
    service["gpus"] !== undefined ||
    service["runtime"] === "nvidia" ||
    direct.some((each) => typeof each === "string" && isGpuDevice(each))
  );
}

/** What of the user's own files decides what ours says. */
export interface ValidatedBase {
  readonly gpuReserved: ReadonlySet<string>;
  /** They publish nothing of the stack. */
  readonly publish: boolean;
  readonly secretTaken: boolean;
  /** Images of the services that have no GPU, by service. */
  readonly imagesWithoutGpu: ReadonlyMap<string, string>;
  /** What compose makes of each service. */
  readonly whole: StackConfig["whole"];
  /** Services that are there; those of a profile that is off are not. */
  readonly services: StackConfig["services"];
  /** Whether where the stack answers is for its variable to say. */
  followsPort(): Promise<boolean>;
  readonly notices: readonly Notice[];
}

/**
 * Has compose read the user's files as they are, with `extends`, `include` and profiles worked in.
 * @returns null where there is no compose to ask
 * @throws Failure `stack.base_invalid`, `stack.profile_off`, `stack.no_port` (exit 2)
 */
export async function validateBase(files: PlannedFiles): Promise<ValidatedBase | null> {
  const config = await readPlannedConfig(files, null);
  if (config === null) return null;
  const { stack } = files;
  const name = stack.service ?? "";
  const core = config.services[name];
  if (core === undefined) throw await notRunning(files, name);
  for (const { name: service, mounts } of stack.services) {
    for (const { at } of mounts) requireNoTmpfs(config, service, at);
  }
  const published = publishedAddress(stack, config, files.port);
  if (published === null && stack.port !== null && !mayPublish(core)) {
    throw failure("stack.no_port", {
      service: name,
      networkMode: core.network_mode ?? "",
      inside: stack.port.inside,
    });
  }
  const services = Object.entries(config.services);
  return {
    gpuReserved: new Set(services.flatMap(([each, service]) => (ownHasGpu(service) ? [each] : []))),
    publish: published === null,
    secretTaken: config.secrets.has("hf_token"),
    imagesWithoutGpu: new Map(
      services.flatMap(([each, service]) =>
        ownHasGpu(service) ? [] : [[each, service.image ?? ""]],
      ),
    ),
    whole: config.whole,
    services: config.services,
    followsPort: () => followsPort(files, published),
    notices: volumeNotices(config, stack),
  };
}

/** Compose merges it with no volume, and Docker mounts nothing twice at one place. */
function requireNoTmpfs({ services }: StackConfig, service: string, at: string): void {
  const tmpfs = services[service]?.tmpfs ?? [];
  if (!tmpfs.some((each) => path.resolve(each.split(":", 1)[0] ?? "") === at)) return;
  throw invalidBase(
    `${service} has a tmpfs at ${at}, where its models are mounted`,
    `Remove ${at} from tmpfs in the compose file, then run heros setup again.`,
  );
}

/** Services that our file does not name come out as they are without it; what does not is said before anything starts. */
export function changedNotices(
  before: StackConfig["whole"],
  after: StackConfig["whole"],
  ours: readonly string[],
): Notice[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const changed = names.filter(
    (name) => !ours.includes(name) && before.get(name) !== after.get(name),
  );
  return changed.map((name): Notice => ({
    type: "notice",
    level: "warning",
    code: "stack.service_changed",
    message: `With docker-compose.heros.yml, Docker Compose makes something else of your service ${name}.`,
    hint: "Compare what docker compose config prints with and without that file, before you say yes.",
  }));
}

async function notRunning(files: PlannedFiles, service: string): Promise<Failure> {
  const profiles = await profilesOf(files, service);
  if (profiles === null) return withoutCore(files.own, service);
  const { stackDir } = files;
  return failure("stack.profile_off", { service, profiles, stackDir });
}

/** A service without a network of its own can't publish a port. */
function mayPublish({ network_mode: mode = "" }: StackService): boolean {
  return !/^(?:none|host|service:|container:)/.test(mode);
}

function ownHasGpu({ gpus, runtime, devices, deploy }: StackService): boolean {
  const reserved = deploy?.resources?.reservations?.devices ?? [];
  return (
    (Array.isArray(gpus) ? gpus.length > 0 : gpus !== undefined && gpus !== null) ||
    runtime === "nvidia" ||
    devices.some(({ source }) => isGpuDevice(source)) ||
    reserved.some(
      ({ driver, capabilities = [] }) =>
        driver === "nvidia" || driver === "cdi" || capabilities.includes("gpu"),
    )
  );
}

/** Asked with another port, compose publishes that one, or the same as before. */
async function followsPort(files: PlannedFiles, published: Published): Promise<boolean> {
  if (published === null) return files.stack.port !== null;
  if (published === "chosen") return false;
  if (published.port !== files.port) return false;
  const other = files.port === 65_535 ? 1024 : files.port + 1;
  const config = await readPlannedConfig({ ...files, port: other }, null);
  const found = config === null ? null : publishedAddress(files.stack, config, other);
  return found === null || found === "chosen" || found.port === other;
}

/** Models in a volume of the user's are no longer what services read, and who else mounts it fills it for nobody. */
function volumeNotices({ services }: StackConfig, stack: CoreOf): Notice[] {
  const covered = stack.services.flatMap(({ name, mounts }) =>
    (services[name]?.volumes ?? []).filter(({ target }) => mounts.some(({ at }) => at === target)),
  );
  const sources = [...new Set(covered.flatMap(({ source }) => source ?? []))];
  const ours = stack.services.map(({ name }) => name);
  return sources.flatMap((source) => coveredNotices(services, source, ours));
}

function coveredNotices(
  services: StackConfig["services"],
  source: string,
  ours: readonly string[],
): Notice[] {
  const others = Object.entries(services).filter(
    ([name, { volumes }]) =>
      !ours.includes(name) && volumes.some((volume) => volume.source === source),
  );
  return [
    {
      type: "notice",
      level: "info",
      code: "stack.volume_covered",
      message: `Models are read from the model folder instead of ${source}, which stays unchanged.`,
    },
    ...others.map(([name]): Notice => ({
      type: "notice",
      level: "warning",
      code: "stack.volume_apart",
      message: `The service ${name} still uses ${source}, which nothing else reads any more, and downloads models there a second time.`,
      hint: `Remove ${name} from the compose file, or give it a profile that is not enabled.`,
    })),
  ];
}

export interface PlannedFiles {
  readonly host: Host;
  readonly stack: CoreOf;
  /** Absolute; it need not be there. */
  readonly stackDir: string;
  /** Absolute paths of the user's files, or of the base that heros would lay down. */
  readonly own: readonly string[];
  /** True where the base is not in the stack's folder yet. */
  readonly baseMissing: boolean;
  readonly port: number;
}

/**
 * What compose makes of files that are not written yet: the user's, and heros' own text after them. Nothing is written.
 * @param override text of `docker-compose.heros.yml`; null for the user's files alone
 * @returns null where there is no compose to ask
 * @throws Failure `stack.base_invalid` (exit 2) with compose's words
 */
export async function readPlannedConfig(
  files: PlannedFiles,
  override: string | null,
): Promise<StackConfig | null> {
  const { exitCode, stdout, stderr, missing, timedOut } = await askCompose(files, override);
  if (exitCode === 0) return parseStackConfig(stdout);
  if (missing || timedOut || !isVerdict(stderr)) return null;
  const reason = redactComposeOutput(lastLine(stderr));
  throw invalidBase(
    `Docker Compose rejects the stack in ${files.stackDir}: ${reason}`,
    "Nothing was written. Fix the compose file, then run heros setup again.",
  );
}

/** The profiles that would switch a service on; null where it is in none. */
async function profilesOf(files: PlannedFiles, name: string): Promise<readonly string[] | null> {
  const { exitCode, stdout } = await askCompose(files, null, {
    flags: ["--profile", "*"],
  });
  const service = exitCode === 0 ? parseStackConfig(stdout)?.services[name] : undefined;
  return service === undefined || service.profiles.length === 0 ? null : service.profiles;
}

/** `docker compose config` of files that are not written yet, as JSON. @param configFlags after the word `config` */
export async function askCompose(
  { host, stack, stackDir, own, baseMissing, port }: PlannedFiles,
  override: string | null,
  {
    flags = [],
    configFlags = [],
    passwords = standIns(stack),
  }: {
    readonly flags?: readonly string[];
    readonly configFlags?: readonly string[];
    readonly passwords?: Readonly<Record<string, string>>;
  } = {},
) {
  const folder = await host.files.stat(stackDir).catch(() => null);
  return runCompose({
    host,
    stackDir: folder === null ? "/" : stackDir,
    args: [
      ...flags,
      // Else the folder of the first file is the project's, as where COMPOSE_FILE names it.
      ...(baseMissing ? ["--project-directory", stackDir] : []),
      ...own.flatMap((file) => ["-f", file]),
      ...(override === null ? [] : ["-f", "-"]),
      "config",
      ...configFlags,
      "--format",
      "json",
    ],
    ...(override === null ? {} : { input: override }),
    env: { ...passwords, ...portVariable(stack, port) },
    timeoutMs: 15_000,
  });
}

/** Whether compose refused the files, rather than that it could not run. */
function isVerdict(stderr: string): boolean {
  if (readEngineError(stderr) !== null) return false;
  const known = knownOutput.find(({ pattern }) => pattern.test(stderr));
  return known === undefined || known.code === "stack.base_invalid";
}
