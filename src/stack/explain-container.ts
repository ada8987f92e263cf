import { stripVTControlCharacters } from "node:util";
import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { inFolder, quoted } from "../progress/shell.ts";
import { formatMemory } from "../progress/units.ts";
import { runCompose } from "./compose.ts";
import type { Container } from "./containers.ts";
import { containerCache } from "./override.ts";
import type { StackService } from "./stack-config.ts";

/** How many lines of a container's log are shown. */
const shownLines = 12;

export interface ExplainRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly emit: Emit;
  /** Its exit status is null where it starts again and again and nobody saw how it ended. */
  readonly container: Omit<Container, "exitCode"> & { readonly exitCode: number | null };
  /** What the compose file lets it have, in bytes; null for no limit. */
  readonly memoryLimit?: number | null;
  /** What it mounts. */
  readonly volumes?: StackService["volumes"];
  readonly signal?: AbortSignal;
}

/** A container that keeps Annie from running, with its last lines of log. Emits `container.failed`. */
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
  const last =
    logLines.length === 0 ? "It wrote nothing." : `Its last lines:\n${logLines.join("\n")}`;
  return new Failure({
    code: "annie.container_failed",
    message: `The container ${service} ${whatHappened(container)}. ${last}`,
    hint: `${advice(request, logLines)}See more with: ${inFolder(stackDir, `docker compose logs ${quoted(service)}`)}`,
    exitCode: exitCodes.failed,
  });
}

function whatHappened({ state, exitCode }: ExplainRequest["container"]): string {
  switch (state) {
    case "restarting":
      return `starts again and again${exitCode === null ? "" : ` (exit status ${exitCode})`}`;
    case "unhealthy":
      return "runs, but does not get healthy";
    default:
      return `ended with exit status ${exitCode}`;
  }
}

function advice(
  { container: { service, exitCode, state }, memoryLimit = null, volumes = [] }: ExplainRequest,
  logLines: readonly string[],
): string {
  const log = logLines.join("\n");
  if (state !== "unhealthy" && exitCode === 137 && memoryLimit !== null) {
    return `It was killed, most likely at the memory limit of ${formatMemory(memoryLimit)} that the compose file sets: raise mem_limit of ${service}. `;
  }
  if (state !== "unhealthy" && exitCode === 137) {
    return "It was killed, most likely for want of memory: choose fewer models (--tiers 1). ";
  }
  if (/hf_token/.test(log) && /permission denied/i.test(log)) {
    return "Annie may not read the token, which she does not need: delete secrets/hf_token and run heros setup again. ";
  }
  const [inside] = new RegExp(`${containerCache}[^'"\\s:,)]*`).exec(log) ?? [];
  if (inside !== undefined && /permission denied/i.test(log)) {
    return unreadable(inside, volumes);
  }
  if (/password authentication failed|Unauthorized|authentication failure/i.test(log)) {
    return "The passwords in .env are not those that the databases were made with: put the old ones back. ";
  }
  return "";
}

/** A path of the models in the container, as it is on this machine. */
function unreadable(inside: string, volumes: StackService["volumes"]): string {
  const mount = volumes.find(({ type, target }) => type === "bind" && target === containerCache);
  if (mount?.source === undefined) return `Annie may not read ${inside}. `;
  const place = `${mount.source}${inside.slice(containerCache.length)}`;
  return `Annie may not read ${place}. See which folder on the way is closed to other users: namei -l ${quoted(place)}; then open that one alone to them, with chmod go+rx. `;
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
