import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { type EnginePlace, isElsewhere } from "./engine-place.ts";

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
