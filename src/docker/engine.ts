import path from "node:path";
import type { Host } from "../host/host.ts";
import { exitCodes, Failure } from "../run/failure.ts";

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
async function isSnap({ env, files }: Host): Promise<boolean> {
  for (const folder of (env["PATH"] ?? "").split(":")) {
    if (!path.isAbsolute(folder)) continue;
    const found = await files.access(path.join(folder, "docker")).then(
      () => true,
      () => false,
    );
    if (found) return folder.startsWith("/snap/");
  }
  return false;
}

const ownHosts = /^(?:localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|0\.0\.0\.0|)$/i;

/** Whether the engine is on another machine: then this one's folders, disks and ports are not the containers'. */
export function isElsewhere(address: string | null): boolean {
  const [, scheme, host = ""] =
    /^(ssh|tcp|https?):\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)/i.exec(address ?? "") ?? [];
  return scheme !== undefined && !ownHosts.test(host);
}

/** Why no command reaches an engine that can run Annie here, whatever was asked of it. */
export type EngineError =
  /** `address` as docker names it. */
  | { readonly kind: "down"; readonly address: string | null }
  | { readonly kind: "denied" }
  | { readonly kind: "elsewhere"; readonly address: string }
  /** The current context is not there, or can't be read. */
  | { readonly kind: "context"; readonly name: string | null }
  /** The command is Podman under Docker's name. */
  | { readonly kind: "podman" };

/** One problem in all the forms in which it is told. */
export interface EngineProblem {
  readonly code: string;
  /** After "Docker engine:". */
  readonly found: string;
  readonly message: string;
  /** The command, or the sentence, that solves it. */
  readonly remedy: string;
  readonly hint: string;
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

/** What the trouble is and what to do about it, on a machine whose docker talks to this place. */
export function engineProblem(trouble: EngineError, place: EnginePlace | null): EngineProblem {
  switch (trouble.kind) {
    case "elsewhere":
      return elsewhere(trouble.address, place);
    case "down": {
      const address = place?.address ?? trouble.address;
      if (address !== null && isElsewhere(address)) return elsewhere(address, place);
      const remedy = startCommand(address, place?.snap ?? false);
      return {
        code: "docker.daemon_down",
        found: "installed, but not running",
        message: `Docker is installed, but does not answer${address === null ? "" : ` at ${address}`}.`,
        remedy: remedy ?? `Start the Docker engine that listens at ${address ?? "its socket"}.`,
        hint:
          remedy === null
            ? `Start the engine that listens at ${address ?? "its socket"}, or choose another one with DOCKER_HOST.`
            : `Start it with: ${remedy}`,
      };
    }
    case "denied": {
      const remedy = "sudo usermod -aG docker $USER, then log out and in again";
      return {
        code: "docker.no_permission",
        found: "runs, but you may not use it",
        message: "Docker runs, but you may not use it yet.",
        remedy,
        hint: `Run: ${remedy}.`,
      };
    }
    case "context": {
      const remedy = place?.chosenBy === "DOCKER_HOST" ? "unset DOCKER_HOST" : useDefaultContext;
      const named = trouble.name === null ? "" : ` "${trouble.name}"`;
      return {
        code: "docker.context_broken",
        found: `its context${named} does not exist`,
        message: `Docker is set to the context${named}, which does not exist.`,
        remedy,
        hint: `Go back to the default one: ${remedy}`,
      };
    }
    case "podman": {
      const remedy =
        "sudo apt-get remove podman-docker && curl -fsSL https://get.docker.com | sudo sh";
      return {
        code: "docker.podman",
        found: "the docker command is Podman",
        message:
          "The docker command here is Podman; Annie needs Docker Engine and its compose plugin.",
        remedy,
        hint: `Install Docker with: ${remedy}`,
      };
    }
  }
}

export function engineFailure(problem: EngineProblem, cause?: unknown): Failure {
  const { code, message, hint } = problem;
  return new Failure({ code, message, hint, exitCode: exitCodes.machine, cause });
}

const useDefaultContext = "unset DOCKER_CONTEXT; docker context use default";

function elsewhere(address: string, place: EnginePlace | null): EngineProblem {
  const remedy = place?.chosenBy === "DOCKER_HOST" ? "unset DOCKER_HOST" : useDefaultContext;
  const where = address.replace(/\/\/[^/@]*@/, "//");
  return {
    code: "docker.elsewhere",
    found: `on another machine (${where})`,
    message: `Docker's engine is on another machine (${where}), which can't see the models on this one.`,
    remedy,
    hint: `Use this machine's engine (${remedy}), or run heros over there.`,
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
