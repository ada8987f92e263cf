import { late, type Probe, readText, readTextInTime, withinLimit } from "../host/time-limit.ts";
import type { DockerFound } from "../run/events/machine.ts";
import { z } from "zod";
import type { RunResult } from "../host/processes.ts";
import { parseJson } from "../run/json.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { findOnPath } from "../host/places.ts";
import type { Host } from "../host/host.ts";

/** Which engine the docker command talks to. */
export interface EnginePlace {
  /** `unix:///var/run/docker.sock`, `ssh://me@spark`; null where docker does not say. */
  readonly address: string | null;
  /** What chose it: the environment's DOCKER_HOST, or docker's current context. */
  readonly chosenBy: "DOCKER_HOST" | "context";
  /** The docker command is the one of a snap, which sees little of the machine's folders. */
  readonly snap: boolean;
}

/** Asks docker, as it would choose for any command. @throws AbortError */
export async function askEnginePlace(host: Host, signal?: AbortSignal): Promise<EnginePlace> {
  const named = host.env["DOCKER_HOST"] ?? "";
  const [address, snap] = await Promise.all([
    named === "" ? askContext(host, signal) : named,
    isSnap(host),
  ]);
  return { address, chosenBy: named === "" ? "context" : "DOCKER_HOST", snap };
}

async function askContext(host: Host, signal: AbortSignal | undefined): Promise<string | null> {
  const { exitCode, stdout } = await host.processes.run({
    command: "docker",
    args: ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
    timeoutMs: 5000,
    ...(signal === undefined ? {} : { signal }),
  });
  const [address = ""] = stdout.trim().split("\n");
  return exitCode === 0 && /^[a-z]+:\/\/\S*$/.test(address) ? address : null;
}

/** Whether the first `docker` on the PATH is a snap's. */
async function isSnap(host: Host): Promise<boolean> {
  return (await findOnPath(host, "docker"))?.startsWith("/snap/") === true;
}

const ownHosts = /^(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|0\.0\.0\.0|)$/i;

/** Whether the engine is on another machine: then this one's folders, disks and ports are not the containers'. */
export function isElsewhere(address: string | null): boolean {
  const [, scheme, host = ""] =
    /^(ssh|tcp|https?):\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)/i.exec(address ?? "") ?? [];
  return scheme !== undefined && !ownHosts.test(host);
}

export interface DockerInfo {
  readonly version: string;
  readonly rootDir: string | null;
  /** Images are kept by containerd, as a fresh Docker 29 does. */
  readonly containerdImages: boolean;
  readonly rootless: boolean;
  /** Docker Desktop's, in a virtual machine. */
  readonly desktop: boolean;
  readonly runtimes: readonly string[];
  /** Addresses of Docker Hub's mirrors, in the order in which the engine asks them. */
  readonly registryMirrors: readonly string[];
  /** `nvidia.com/gpu=all`. */
  readonly cdiDevices: readonly string[];
  readonly cdiSpecDirs: readonly string[];
}

export type DockerAnswer =
  | { readonly state: "running"; readonly info: DockerInfo }
  /** No docker command. */
  | { readonly state: "missing" }
  /** No engine that can run the stack here was reached. */
  | {
      readonly state: "unusable";
      readonly error: EngineError;
      readonly place: EnginePlace | null;
    }
  | { readonly state: "unclear"; readonly reason: string }
  | { readonly state: "late" };

export async function askDocker(probe: Probe): Promise<DockerAnswer> {
  const info = withinLimit(probe, (signal) =>
    probe.host.processes.run({
      command: "docker",
      args: ["info", "--format", "{{json .}}"],
      signal,
    }),
  );
  const found = await withinLimit(probe, (signal) => askEnginePlace(probe.host, signal));
  const place = found === late ? null : found;
  const address = place?.address ?? null;
  // Nobody waits for another machine, whose answer would describe that one.
  if (address !== null && isElsewhere(address)) {
    info.catch(() => {});
    return { state: "unusable", error: { kind: "elsewhere", address }, place };
  }
  const result = await info;
  return result === late ? { state: "late" } : parseDockerInfo(result, place);
}

const list = z
  .array(z.string())
  .nullish()
  .catch(null)
  .transform((value) => value ?? []);
const infoShape = z.object({
  ServerVersion: z.string().nullish(),
  ServerErrors: list,
  DockerRootDir: z.string().nullish(),
  SecurityOptions: list,
  OperatingSystem: z.string().nullish().catch(null),
  DriverStatus: z.array(z.array(z.string())).nullish().catch(null),
  Runtimes: z.record(z.string(), z.unknown()).nullish().catch(null),
  RegistryConfig: z.object({ Mirrors: list }).nullish().catch(null),
  CDISpecDirs: list,
  DiscoveredDevices: z
    .array(z.object({ Source: z.string().nullish(), ID: z.string() }))
    .nullish()
    .catch(null),
});

/** Without a daemon docker still prints its JSON, all empty, and the reason on stderr; older ones end with status 0 then. */
export function parseDockerInfo(
  result: Pick<RunResult, "exitCode" | "stdout" | "stderr" | "missing">,
  place: EnginePlace | null = null,
): DockerAnswer {
  if (result.missing) return { state: "missing" };
  const info = readJson(result.stdout);
  const version = info?.ServerVersion ?? "";
  if (info !== null && version !== "") {
    return {
      state: "running",
      info: {
        version,
        rootDir: info.DockerRootDir || null,
        containerdImages: (info.DriverStatus ?? []).some(
          ([key, value]) => key === "driver-type" && value?.startsWith("io.containerd.") === true,
        ),
        rootless: info.SecurityOptions.some((option) => /(?:^|,)name=rootless\b/u.test(option)),
        desktop: info.OperatingSystem === "Docker Desktop",
        runtimes: Object.keys(info.Runtimes ?? {}),
        registryMirrors: info.RegistryConfig?.Mirrors ?? [],
        cdiDevices: (info.DiscoveredDevices ?? []).map(({ ID }) => ID),
        cdiSpecDirs: info.CDISpecDirs,
      },
    };
  }
  const reason = [result.stderr, ...(info?.ServerErrors ?? [])].join("\n").trim();
  const error = readEngineError(reason);
  if (error !== null) return { state: "unusable", error, place };
  // Podman under Docker's name prints a report of its own.
  if (/"?buildahVersion"?:/.test(result.stdout)) {
    return { state: "unusable", error: { kind: "podman" }, place };
  }
  const line = reason.split("\n")[0] || "nothing that a Docker engine says";
  return { state: "unclear", reason: line };
}

function readJson(stdout: string): z.infer<typeof infoShape> | null {
  return infoShape.safeParse(parseJson(stdout)).data ?? null;
}

/** Whether the user is in the docker group by now, so that a new login is all that is missing. */
export async function inDockerGroup(probe: Probe): Promise<boolean> {
  const user = probe.host.env["USER"] ?? probe.host.env["LOGNAME"];
  const groups = await readTextInTime(probe, "/etc/group");
  if (user === undefined || groups === null) return false;
  const members = /^docker:[^:]*:\d*:(.*)$/m.exec(groups)?.[1] ?? "";
  return members.split(",").includes(user);
}

export type GpuAccess = DockerFound["gpuAccess"];

/** How containers reach the GPU. Engines before 28.3 do not list the CDI devices they know, so their specification files are read too. */
export async function askGpuAccess(probe: Probe, answer: DockerAnswer): Promise<GpuAccess> {
  if (answer.state !== "running") return "none";
  const { info } = answer;
  if (info.cdiDevices.some((id) => id.startsWith("nvidia.com/gpu="))) return "cdi";
  if (await hasNvidiaSpecification(probe, info)) return "cdi";
  return info.runtimes.includes("nvidia") ? "runtime" : "none";
}

async function hasNvidiaSpecification(probe: Probe, { cdiSpecDirs }: DockerInfo): Promise<boolean> {
  const { files } = probe.host;
  const found = await withinLimit(probe, async () => {
    const texts = await Promise.all(
      cdiSpecDirs.map(async (folder) => {
        const names = await files.readdir(folder).catch(() => []);
        const specifications = names.filter((name) => /\.(ya?ml|json)$/.test(name));
        return Promise.all(specifications.map((name) => readText(files, `${folder}/${name}`)));
      }),
    );
    return texts.flat().some((text) => text !== null && isNvidiaSpecification(text));
  });
  return found !== late && found;
}

/** @param text a CDI specification, in YAML or JSON */
export function isNvidiaSpecification(text: string): boolean {
  return /^\s*["']?kind["']?\s*:\s*["']?nvidia\.com\/gpu["']?\s*,?\s*$/m.test(text);
}

/** Why no command reaches an engine that can run the stack here, whatever was asked of it. */
export type EngineError =
  /** `address` as docker names it. */
  | { readonly kind: "down"; readonly address: string | null }
  | { readonly kind: "denied" }
  | { readonly kind: "elsewhere"; readonly address: string }
  /** The current context is not there, or can't be read. */
  | { readonly kind: "context"; readonly name: string | null }
  /** The command is Podman under Docker's name. */
  | { readonly kind: "podman" };

/** One problem, in all the forms in which it is shown. */
export interface EngineProblem {
  /** After "Docker engine:". */
  readonly found: string;
  /** The command, or the sentence, that solves it. */
  readonly remedy: string;
  readonly failure: Failure;
}

/**
 * Reads in what docker prints that it did not reach its engine; null where it is about something else.
 * The words are those of 20.10, of 28 and 29, of Docker Desktop, and of Podman in Docker's place.
 */
export function readEngineError(text: string): EngineError | null {
  if (/permission denied while trying to connect to the docker/i.test(text)) {
    return { kind: "denied" };
  }
  if (
    /unable to resolve docker endpoint|current context "[^"]*" is not found|context "[^"]*": context not found|context does not exist/i.test(
      text,
    )
  ) {
    return { kind: "context", name: /context "([^"]+)"/i.exec(text)?.[1] ?? null };
  }
  if (
    /emulate docker cli using podman|podman-compose|unable to connect to podman|looking up compose provider failed|cannot connect to podman/i.test(
      text,
    )
  ) {
    return { kind: "podman" };
  }
  if (
    /cannot connect to the docker daemon|failed to connect to the docker api|error during connect|is the docker daemon running/i.test(
      text,
    )
  ) {
    // A socket whose engine ended meanwhile: Get "http://%2Fvar%2Frun%2Fdocker.sock/v1.41/info": EOF
    const socket = /http:\/\/((?:%2F[\w.@-]+)+)\//i.exec(text)?.[1];
    const named = /\b((?:unix|tcp|ssh|https?):\/\/[^\s;"]*[^\s;".:])/.exec(text)?.[1] ?? null;
    return {
      kind: "down",
      address: socket === undefined ? named : `unix://${decodeURIComponent(socket)}`,
    };
  }
  return null;
}

/**
 * What is wrong and what to do about it, on a machine whose docker talks to this place.
 * @param joined whether the user is in the docker group by now, so that a new login is all that is missing
 */
export function engineProblem(
  error: EngineError,
  place: EnginePlace | null,
  { joined = false, cause }: { readonly joined?: boolean; readonly cause?: unknown } = {},
): EngineProblem {
  switch (error.kind) {
    case "elsewhere":
      return elsewhere(error.address, place, cause);
    case "down": {
      const address = place?.address ?? error.address;
      if (address !== null && isElsewhere(address)) return elsewhere(address, place, cause);
      const remedy = startCommand(address, place?.snap ?? false);
      return {
        found: "installed, but not running",
        remedy: remedy ?? `Start the Docker engine that listens at ${address ?? "its socket"}.`,
        failure: failure("docker.daemon_down", { address, remedy }, cause),
      };
    }
    case "denied": {
      const remedy = joined
        ? "Log out and back in: you joined the docker group after you logged in."
        : "sudo usermod -aG docker $USER, then log out and back in";
      return {
        found: "running, but you don't have permission to use it",
        remedy,
        failure: failure("docker.no_permission", { remedy, joined }, cause),
      };
    }
    case "context": {
      const { name } = error;
      const remedy = place?.chosenBy === "DOCKER_HOST" ? "unset DOCKER_HOST" : useDefaultContext;
      return {
        found: `its context${name === null ? "" : ` "${name}"`} does not exist`,
        remedy,
        failure: failure("docker.context_broken", { name, remedy }, cause),
      };
    }
    case "podman": {
      const remedy =
        "sudo apt-get remove podman-docker && curl -fsSL https://get.docker.com | sudo sh";
      return {
        found: "the docker command is Podman",
        remedy,
        failure: failure("docker.podman", { remedy }, cause),
      };
    }
  }
}

const useDefaultContext = "unset DOCKER_CONTEXT; docker context use default";

function elsewhere(address: string, place: EnginePlace | null, cause: unknown): EngineProblem {
  const remedy = place?.chosenBy === "DOCKER_HOST" ? "unset DOCKER_HOST" : useDefaultContext;
  const where = address.replace(/\/\/[^/@]*@/, "//");
  return {
    found: `on another machine (${where})`,
    remedy,
    failure: failure("docker.elsewhere", { where, remedy }, cause),
  };
}

/** What starts the engine behind a socket; null where that can't be known. */
function startCommand(address: string | null, snap: boolean): string | null {
  if (snap) return "sudo snap start docker";
  if (address === null || /^unix:\/\/(?:\/var)?\/run\/docker\.sock$/.test(address)) {
    return "sudo systemctl start docker";
  }
  if (/^unix:\/\/\/run\/user\/\d+\/podman\//.test(address)) {
    return "systemctl --user start podman.socket";
  }
  if (/^unix:\/\/(?:\/var)?\/run\/podman\//.test(address))
    return "sudo systemctl start podman.socket";
  if (address.includes("/.docker/desktop/")) return "systemctl --user start docker-desktop";
  if (/^unix:\/\/\/run\/user\/\d+\//.test(address)) return "systemctl --user start docker";
  return null;
}
