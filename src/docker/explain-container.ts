import { stripVTControlCharacters } from "node:util";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { Failure } from "../run/failure.ts";
import type { LikelyCause } from "../run/failures/annie.ts";
import { failure } from "../run/failures/table.ts";
import {
  type ListRequest,
  memoryLimitOf,
  runCompose,
  type StackConfig,
  type StackService,
} from "./compose.ts";
import { registryOf } from "./compose-failures.ts";
import type { Container } from "./containers.ts";
import type { ContainerDetails } from "./inspect-containers.ts";
import { gpuCauseIn } from "./log-causes.ts";

/** How many lines of a container's log are shown. */
const shownLines = 12;
/** And how many are searched for why it fails: a program that gives up prints where it was after why. */
const searchedLines = 200;

export interface ExplainRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly emit: Emit;
  /** Where the models are mounted in the assistant's container. */
  readonly modelsAt: string | null;
  /** Its exit status is null where it starts again and again and nobody saw how it ended. */
  readonly container: Omit<Container, "exitCode"> & { readonly exitCode: number | null };
  /** Docker says that the kernel killed it for its memory. */
  readonly outOfMemory?: boolean;
  /** What its health check printed last. */
  readonly checkOutput?: string;
  /** What the compose file lets it have, in bytes; null for no limit. */
  readonly memoryLimit?: number | null;
  /** As the compose file names it; null where that is not known. */
  readonly image?: string | null;
  /** What it mounts. */
  readonly volumes?: StackService["volumes"];
  /** Others are started only once it has ended well. */
  readonly holdsBack?: boolean;
  readonly signal?: AbortSignal;
}

/** What the compose file and docker say of a container that is to be explained; each null where nobody says. */
export function knownOf(
  { service }: Pick<Container, "service">,
  {
    config,
    details,
  }: { readonly config: StackConfig | null; readonly details: ContainerDetails | null },
): Pick<ExplainRequest, "checkOutput" | "memoryLimit" | "image" | "volumes"> {
  const written = config?.services[service];
  const checkOutput = details?.checks.at(-1)?.output;
  return {
    ...(checkOutput === undefined ? {} : { checkOutput }),
    memoryLimit: written === undefined ? null : memoryLimitOf(written),
    image: written?.image ?? null,
    volumes: written?.volumes ?? [],
  };
}

/** A container that prevents the stack from running, with its last lines of log. Emits `container.failed`. */
export async function explainContainer(request: ExplainRequest): Promise<Failure> {
  const { stackDir, emit, container, outOfMemory = false } = request;
  const { service, state } = container;
  const { logLines, cause } = await readCause(request);
  const exitCode = state === "unhealthy" ? null : container.exitCode;
  emit({
    type: "container.failed",
    service,
    state,
    exitCode,
    ...(outOfMemory ? { outOfMemory } : {}),
    logLines,
  });
  const wrong =
    state === "unhealthy" ? undefined : logLines.find((line) => wrongProcessor.test(line));
  if (wrong !== undefined) {
    const { image = null } = request;
    return failure("docker.wrong_architecture", {
      image,
      registry: registryOf(image),
      said: wrong,
    });
  }
  // Of what can't be read, its own words say more: it may write, too.
  const unclear = cause === null || cause.kind === "models-unreadable";
  if (request.holdsBack === true && state === "exited" && unclear) {
    return failure("annie.held_back", { stackDir, service, exitCode, logLines });
  }
  return failure("annie.container_failed", {
    stackDir,
    service,
    state,
    exitCode: container.exitCode,
    logLines,
    likelyCause: cause,
    checkSays: state === "unhealthy" ? firstLine(request.checkOutput ?? "") : null,
  });
}

/** The last lines of its log, and what they and its exit status speak for; null where nobody knows. */
export async function readCause(request: Omit<ExplainRequest, "emit">): Promise<{
  readonly logLines: readonly string[];
  readonly cause: LikelyCause | null;
}> {
  const { service, state } = request.container;
  const searched = await readLines(request, service, searchedLines);
  const lines = searched.slice(-shownLines);
  const logLines = state === "restarting" ? lastRun(lines) : lines;
  return { logLines, cause: likelyCause(request, logLines) ?? gpuCauseIn(searched.join("\n")) };
}

/** As the program that starts containers says it: `exec /bin/sh: exec format error`, older ones with their name before. */
const wrongProcessor = /^(?:standard_init_linux\.go:\d+: )?exec\b.*\bexec format error"?$/i;

/** The last lines of a service's log, as they can be shown anywhere; none where docker does not say. */
export function readLastLines(asked: ListRequest, service: string): Promise<readonly string[]> {
  return readLines(asked, service, shownLines);
}

async function readLines(
  { host, stackDir, signal }: ListRequest,
  service: string,
  count: number,
): Promise<readonly string[]> {
  const { stdout } = await runCompose({
    host,
    stackDir,
    args: ["logs", "--no-color", "--no-log-prefix", "--tail", String(count), service],
    timeoutMs: 5000,
    ...(signal === undefined ? {} : { signal }),
  });
  return readableLines(stdout).slice(-count);
}

/** Of what a health check printed; null where it printed nothing. */
function firstLine(output: string): string | null {
  return readableLines(output.slice(0, 4096)).at(0)?.slice(0, 200) ?? null;
}

function likelyCause(
  {
    container,
    outOfMemory = false,
    memoryLimit = null,
    modelsAt,
    volumes = [],
  }: Omit<ExplainRequest, "emit">,
  logLines: readonly string[],
): LikelyCause | null {
  const { exitCode, state } = container;
  const log = logLines.join("\n");
  if (outOfMemory || (state !== "unhealthy" && exitCode === 137)) {
    return { kind: "killed", memoryLimitBytes: memoryLimit, isCertain: outOfMemory };
  }
  if (/EADDRINUSE|address already in use/i.test(log)) return { kind: "port-taken" };
  if (/hf_token/.test(log) && /permission denied/i.test(log)) return { kind: "token-unreadable" };
  const [inside] =
    modelsAt === null ? [] : (new RegExp(`${escaped(modelsAt)}[^'"\\s:,)]*`).exec(log) ?? []);
  if (modelsAt !== null && inside !== undefined && /permission denied/i.test(log)) {
    return unreadable(inside, modelsAt, volumes);
  }
  if (/password authentication failed|Unauthorized|authentication failure/i.test(log)) {
    return { kind: "passwords" };
  }
  return null;
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}

/** A path of the models in the container, as it is on this machine where that is known. */
function unreadable(
  inside: string,
  modelsAt: string,
  volumes: StackService["volumes"],
): LikelyCause {
  const mount = volumes.find(({ type, target }) => type === "bind" && target === modelsAt);
  if (mount?.source === undefined) return { kind: "models-unreadable", path: inside, here: false };
  const place = `${mount.source}${inside.slice(modelsAt.length)}`;
  return { kind: "models-unreadable", path: place, here: true };
}

/** The log as lines that can be shown anywhere: no colours, no control bytes, none too long. */
function readableLines(log: string): string[] {
  return log
    .split("\n")
    .map((line) =>
      stripVTControlCharacters(line)
        .replaceAll(/\p{Cc}/gu, " ")
        .trimEnd()
        .slice(0, 400),
    )
    .filter((line) => line !== "");
}

/** Where a container dies the same death over and over, once is enough. */
function lastRun(lines: readonly string[]): readonly string[] {
  const before = lines.lastIndexOf(lines.at(-1) ?? "", -2);
  const length = lines.length - 1 - before;
  const last = lines.slice(-length);
  const previous = lines.slice(-2 * length, -length);
  return before > 0 && last.join("\n") === previous.join("\n") ? last : lines;
}
