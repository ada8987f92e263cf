import { stripVTControlCharacters } from "node:util";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { Failure } from "../run/failure.ts";
import type { LikelyCause } from "../run/failures/annie.ts";
import { failure } from "../run/failures/table.ts";
import type { StackService } from "./compose-config.ts";
import { runCompose } from "./compose.ts";
import type { Container } from "./containers.ts";

/** How many lines of a container's log are shown. */
const shownLines = 12;

export interface ExplainRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly emit: Emit;
  /** Where the models are mounted in the assistant's container. */
  readonly modelsAt: string;
  /** Its exit status is null where it starts again and again and nobody saw how it ended. */
  readonly container: Omit<Container, "exitCode"> & { readonly exitCode: number | null };
  /** What the compose file lets it have, in bytes; null for no limit. */
  readonly memoryLimit?: number | null;
  /** What it mounts. */
  readonly volumes?: StackService["volumes"];
  readonly signal?: AbortSignal;
}

/** A container that prevents Annie from running, with its last lines of log. Emits `container.failed`. */
export async function explainContainer(request: ExplainRequest): Promise<Failure> {
  const { host, stackDir, emit, container, signal } = request;
  const { service, state } = container;
  const { stdout } = await runCompose({
    host,
    stackDir,
    args: ["logs", "--no-color", "--no-log-prefix", "--tail", String(shownLines), service],
    timeoutMs: 10_000,
    ...(signal === undefined ? {} : { signal }),
  });
  const lines = readableLines(stdout);
  const logLines = state === "restarting" ? lastRun(lines) : lines;
  const exitCode = state === "unhealthy" ? null : container.exitCode;
  emit({ type: "container.failed", service, state, exitCode, logLines });
  return failure("annie.container_failed", {
    stackDir,
    service,
    state,
    exitCode: container.exitCode,
    logLines,
    likelyCause: likelyCause(request, logLines),
  });
}

/** What its last lines and its exit status speak for; null where nobody knows. */
function likelyCause(
  { container, memoryLimit = null, modelsAt, volumes = [] }: ExplainRequest,
  logLines: readonly string[],
): LikelyCause | null {
  const { exitCode, state } = container;
  const log = logLines.join("\n");
  if (state !== "unhealthy" && exitCode === 137) {
    return { kind: "killed", memoryLimitBytes: memoryLimit };
  }
  if (/hf_token/.test(log) && /permission denied/i.test(log)) return { kind: "token-unreadable" };
  const [inside] = new RegExp(`${modelsAt}[^'"\\s:,)]*`).exec(log) ?? [];
  if (inside !== undefined && /permission denied/i.test(log)) {
    return unreadable(inside, modelsAt, volumes);
  }
  if (/password authentication failed|Unauthorized|authentication failure/i.test(log)) {
    return { kind: "passwords" };
  }
  return null;
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
    .filter((line) => line !== "")
    .slice(-shownLines);
}

/** Where a container dies the same death over and over, once is enough. */
function lastRun(lines: readonly string[]): readonly string[] {
  const before = lines.lastIndexOf(lines.at(-1) ?? "", -2);
  const length = lines.length - 1 - before;
  const last = lines.slice(-length);
  const previous = lines.slice(-2 * length, -length);
  return before > 0 && last.join("\n") === previous.join("\n") ? last : lines;
}
