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
  annieServiceName,
  containerCache,
  type Published,
  publishedAddress,
  standIns,
} from "./annie-service.ts";
import { type ComposeText, invalidBase, isYamlMap, readComposeYaml } from "./compose-yaml.ts";
import { readEngineError } from "../../docker/engine.ts";
import type { Host } from "../../host/host.ts";
import { knownOutput, redactComposeOutput } from "../../docker/compose-failures.ts";

export interface BaseRead {
  /** Services of all files, in order. */
  readonly services: readonly string[];
  /** True where the user's files hand Annie a GPU already: a second reservation would be added, not merged. */
  readonly reservesGpu: boolean;
  /** Every text that stands as a value: where compose fills variables in. */
  readonly texts: readonly string[];
  /** They take something from other files, which are not read here. */
  readonly reachOut: boolean;
}

/**
 * Looks whether the user's compose files can be built upon.
 * @throws Failure `stack.base_invalid` (exit 2) where one is not YAML, or none has Annie's service
 */
export function readBase(files: readonly ComposeText[]): BaseRead {
  const services = new Set<string>();
  let reservesGpu = false;
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
    }
    reservesGpu ||= hasGpu(found[annieServiceName]);
  }
  if (!services.has(annieServiceName) && !includes) {
    const names = files.map((file) => file.path).join(", ");
    throw invalidBase(
      `${names} has no service named ${annieServiceName}`,
      `heros extends the service ${annieServiceName}. Rename yours, or choose another folder with --stack-dir.`,
    );
  }
  return {
    services: [...services],
    reservesGpu,
    texts: documents.flatMap(({ texts }) => texts),
    reachOut: includes || isExtended,
  };
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
  readonly reservesGpu: boolean;
  /** They publish nothing of Annie. */
  readonly publish: boolean;
  readonly secretTaken: boolean;
  /** Images of the other services that have no GPU, by service. */
  readonly imagesWithoutGpu: ReadonlyMap<string, string>;
  /** What compose makes of each service. */
  readonly whole: StackConfig["whole"];
  /** Whom Annie runs as, where the files say it. */
  readonly user: string | null;
  /** Whether where Annie answers is for HER_OS_PORT to say. */
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
  const annie = config.services[annieServiceName];
  if (annie === undefined) throw await withoutAnnie(files);
  if (annie.tmpfs.some((each) => path.resolve(each.split(":", 1)[0] ?? "") === containerCache)) {
    // Compose merges it with no volume, and Docker mounts nothing twice at one place.
    throw invalidBase(
      `${annieServiceName} has a tmpfs at ${containerCache}, where her models are mounted`,
      `Remove ${containerCache} from tmpfs in the compose file, then run heros setup again.`,
    );
  }
  const published = publishedAddress(config, files.port);
  if (published === null && !mayPublish(annie)) {
    throw failure("stack.no_port", {
      service: annieServiceName,
      networkMode: annie.network_mode ?? "",
    });
  }
  return {
    reservesGpu: ownHasGpu(annie),
    publish: published === null,
    secretTaken: config.secrets.has("hf_token"),
    imagesWithoutGpu: new Map(
      Object.entries(config.services).flatMap(([name, service]) =>
        name === annieServiceName || ownHasGpu(service) ? [] : [[name, service.image ?? ""]],
      ),
    ),
    whole: config.whole,
    user: annie.user ?? null,
    followsPort: () => followsPort(files, published),
    notices: volumeNotices(config, annie),
  };
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

async function withoutAnnie(files: PlannedFiles): Promise<Failure> {
  const profiles = await profilesOfAnnie(files);
  if (profiles === null) {
    return invalidBase(
      `${files.own.join(", ")} has no service named ${annieServiceName}`,
      `heros extends the service ${annieServiceName}. Rename yours, or choose another folder with --stack-dir.`,
    );
  }
  const { stackDir } = files;
  return failure("stack.profile_off", { service: annieServiceName, profiles, stackDir });
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
  if (published === null) return true;
  if (published === "chosen") return false;
  if (published.port !== files.port) return false;
  const other = files.port === 65_535 ? 1024 : files.port + 1;
  const config = await readPlannedConfig({ ...files, port: other }, null);
  const found = config === null ? null : publishedAddress(config, other);
  return found === null || found === "chosen" || found.port === other;
}

/** Models in a volume of the user's are no longer what Annie reads, and who else mounts it fills it for nobody. */
function volumeNotices({ services }: StackConfig, annie: StackService): Notice[] {
  const covered = annie.volumes.find(({ target }) => target === containerCache);
  if (covered?.source === undefined) return [];
  const { source } = covered;
  const others = Object.entries(services).filter(
    ([name, { volumes }]) =>
      name !== annieServiceName && volumes.some((volume) => volume.source === source),
  );
  return [
    {
      type: "notice",
      level: "info",
      code: "stack.volume_covered",
      message: `Annie reads her models from the model folder instead of ${source}, which stays unchanged.`,
    },
    ...others.map(([name]): Notice => ({
      type: "notice",
      level: "warning",
      code: "stack.volume_apart",
      message: `The service ${name} still uses ${source}, which Annie no longer reads, and downloads models there a second time.`,
      hint: `Remove ${name} from the compose file, or give it a profile that is not enabled.`,
    })),
  ];
}

export interface PlannedFiles {
  readonly host: Host;
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

/** The profiles that would switch Annie's service on; null where it is in none. */
export async function profilesOfAnnie(files: PlannedFiles): Promise<readonly string[] | null> {
  const { exitCode, stdout } = await askCompose(files, null, {
    flags: ["--profile", "*"],
  });
  const service = exitCode === 0 ? parseStackConfig(stdout)?.services[annieServiceName] : undefined;
  return service === undefined || service.profiles.length === 0 ? null : service.profiles;
}

/** `docker compose config` of files that are not written yet, as JSON. @param configFlags after the word `config` */
export async function askCompose(
  { host, stackDir, own, baseMissing, port }: PlannedFiles,
  override: string | null,
  {
    flags = [],
    configFlags = [],
    passwords = standIns,
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
    env: { ...passwords, HER_OS_PORT: String(port) },
    timeoutMs: 15_000,
  });
}

/** Whether compose refused the files, rather than that it could not run. */
function isVerdict(stderr: string): boolean {
  if (readEngineError(stderr) !== null) return false;
  const known = knownOutput.find(({ pattern }) => pattern.test(stderr));
  return known === undefined || known.code === "stack.base_invalid";
}
