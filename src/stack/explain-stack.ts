import { stripVTControlCharacters } from "node:util";
import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { inFolder, quoted } from "../progress/shell.ts";
import { annieService } from "./base-check.ts";
import { runCompose } from "./compose.ts";
import { containerTeller, listContainers, type Container, type ListRequest } from "./containers.ts";
import { readStackConfig } from "./stack-config.ts";

/** How often, and how soon again, containers are looked at where one was found restarting. */
const moreLooks = 3;
const moreLooksMs = 1000;
/** How many lines of a container's log are shown. */
const shownLines = 12;

export interface StackWatchRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly emit: Emit;
}

export interface StackWatch {
  /**
   * Looks at the containers once, tells what changed, and says which one, if any, keeps Annie from running.
   * To be asked every few seconds: a container that restarts is forgiven once. With `final`, one that is merely
   * unhealthy counts too.
   */
  check(signal?: AbortSignal, final?: boolean): Promise<Failure | null>;
}

/** Watches over the containers beside Annie's own health: a crash loop is told at once, and not after a time-out. */
export function watchContainers({ host, stackDir, emit }: StackWatchRequest): StackWatch {
  const tell = containerTeller(emit);
  const restarts = new Map<string, number>();
  const explained = new Set<string>();

  async function look(asked: ListRequest): Promise<readonly Container[]> {
    const containers = await listContainers(asked);
    tell(containers);
    for (const { name, state } of containers) {
      if (state === "restarting") restarts.set(name, (restarts.get(name) ?? 0) + 1);
      if (state === "healthy") restarts.delete(name);
    }
    return containers;
  }

  return {
    async check(signal, final = false) {
      const asked = { host, stackDir, ...(signal === undefined ? {} : { signal }) };
      let containers = await look(asked);
      // One that crashed once is up a moment later; one in a loop waits ever longer between its starts.
      for (let count = 0; count < moreLooks && isOpen(containers, restarts); count += 1) {
        await host.clock.sleep(moreLooksMs, signal);
        containers = await look(asked);
      }
      const broken = containers.filter((container) =>
        isBroken(container, (restarts.get(container.name) ?? 0) > 1 || final, final),
      );
      if (broken.length === 0) return null;
      const needed = (await readStackConfig(asked))?.needed ?? null;
      for (const container of broken) {
        const essential = needed === null || needed.has(container.service);
        if (essential) return explain({ ...asked, emit, container });
        if (!explained.has(container.name)) {
          explained.add(container.name);
          await explain({ ...asked, emit, container });
        }
      }
      return null;
    },
  };
}

/**
 * Which container keeps Annie from running, with its last lines of log; null where all of them run.
 * Emits `container.failed`.
 */
export function explainStack(
  request: StackWatchRequest & { readonly signal?: AbortSignal },
): Promise<Failure | null> {
  return watchContainers(request).check(request.signal, true);
}

/** Whether it is still to be seen if a container crashed once or is in a loop. */
function isOpen(containers: readonly Container[], restarts: ReadonlyMap<string, number>): boolean {
  return (
    containers.some(({ name }) => restarts.get(name) === 1) &&
    !containers.some(({ name }) => (restarts.get(name) ?? 0) > 1)
  );
}

function isBroken(container: Container, looping: boolean, unhealthyCounts: boolean): boolean {
  switch (container.state) {
    case "exited":
      // A helper of the user's own may end in order; Annie never does.
      return container.exitCode !== 0 || container.service === annieService;
    case "restarting":
      return looping;
    case "unhealthy":
      return unhealthyCounts;
    default:
      return false;
  }
}

interface ExplainRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly emit: Emit;
  readonly container: Container;
  readonly signal?: AbortSignal;
}

async function explain(request: ExplainRequest): Promise<Failure> {
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
    hint: `${advice(container, logLines)}See more with: ${inFolder(stackDir, `docker compose logs ${quoted(service)}`)}`,
    exitCode: exitCodes.failed,
  });
}

function whatHappened({ state, exitCode }: Container): string {
  switch (state) {
    case "restarting":
      return `starts again and again (exit status ${exitCode})`;
    case "unhealthy":
      return "runs, but does not get healthy";
    default:
      return `ended with exit status ${exitCode}`;
  }
}

function advice({ exitCode, state }: Container, logLines: readonly string[]): string {
  const log = logLines.join("\n");
  if (state !== "unhealthy" && exitCode === 137) {
    return "It was killed, most likely for want of memory: choose fewer models (--tiers 1). ";
  }
  if (/hf_token/.test(log) && /permission denied/i.test(log)) {
    return "Annie may not read the token, which she does not need: delete secrets/hf_token and run heros setup again. ";
  }
  if (/\/data\/models/.test(log) && /permission denied/i.test(log)) {
    return "Annie may not read the models: open their folder to her with chmod -R go+rX. ";
  }
  if (/password authentication failed|Unauthorized|authentication failure/i.test(log)) {
    return "The passwords in .env are not those that the databases were made with: put the old ones back. ";
  }
  return "";
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
