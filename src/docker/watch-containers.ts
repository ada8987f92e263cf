import {
  type Container,
  containerTeller,
  countRestarts,
  lastExitStatus,
  listContainers,
  type TellContainers,
} from "./containers.ts";
import { askEnginePlace, type EngineError, engineProblem } from "./engine.ts";
import {
  type ListRequest,
  memoryLimitOf,
  mustFinish,
  neededBy,
  readStackConfig,
  type StackService,
  runCompose,
} from "./compose.ts";
import { stripVTControlCharacters } from "node:util";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { Failure } from "../run/failure.ts";
import type { LikelyCause } from "../run/failures/annie.ts";
import { failure } from "../run/failures/table.ts";

/** How often, and how soon again, containers are looked at where one was found restarting. */
const moreLooks = 3;
const lookAgainMs = 1000;
/** Starts within this time of each other belong together. */
const loopMs = 300_000;
/** An engine that is restarted, by an update, is back sooner. */
const engineGoneMs = 15_000;
/** A machine may be too busy to answer for a while. */
const engineLateMs = 60_000;

export interface StackWatchRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly emit: Emit;
  /** The assistant's own service: it, and what it waits for, must run. */
  readonly service: string;
  /** Where the models are mounted in its container. */
  readonly modelsAt: string;
  /** Tells changes; shared by all that look at the same containers, so that none is told twice. */
  readonly tell?: TellContainers;
}

export interface StackWatch {
  /**
   * Looks at the containers once, tells what changed, and says what, if anything, prevents Annie from running: a container
   * that ended, starts again and again or was taken away, or an engine that is gone.
   * To be asked every few seconds, to the end of the run: a container that crashes once is forgiven. With `final`,
   * one that is merely unhealthy counts too.
   */
  check(signal?: AbortSignal, final?: boolean): Promise<Failure | null>;
}

/** Watches over the containers beside Annie's own health: a crash loop is told within seconds, and not after a time-out. */
export function watchContainers(watched: StackWatchRequest): StackWatch {
  const { host, stackDir, emit, service: own, modelsAt, tell = containerTeller(emit) } = watched;
  /** When each container started again. */
  const restarts = new Map<string, number[]>();
  const counted = new Map<string, number>();
  const explained = new Set<string>();
  let sawOwn = false;

  function noteRestarts(containers: readonly Container[], counts: ReadonlyMap<string, number>) {
    const nowMs = host.clock.monotonicMs();
    for (const { name, state } of containers) {
      const [before, count] = [counted.get(name), counts.get(name)];
      if (count !== undefined) counted.set(name, count);
      // Between two looks a container may crash and be up again: only its count tells.
      const added =
        before === undefined || count === undefined
          ? Number(state === "restarting")
          : Math.max(0, count - before);
      const recent = (restarts.get(name) ?? []).filter((atMs) => nowMs - atMs < loopMs);
      restarts.set(name, [...recent, ...Array.from({ length: added }, () => nowMs)]);
    }
  }

  const restartsOf = ({ name }: Container) => restarts.get(name)?.length ?? 0;

  async function look(asked: ListRequest): Promise<Listed> {
    const { containers, error } = await listContainers(asked);
    if (error !== null) return { containers, error };
    tell(containers);
    noteRestarts(containers, await countRestarts(asked, containers));
    return { containers, error };
  }

  /** Null once the engine answers again. */
  async function awaitEngine(asked: ListRequest): Promise<Failure | null> {
    const goneAtMs = host.clock.monotonicMs();
    for (;;) {
      await host.clock.sleep(lookAgainMs, asked.signal);
      const { error } = await listContainers(asked);
      if (error === null) return null;
      const goneMs = host.clock.monotonicMs() - goneAtMs;
      if (error === "late") {
        if (goneMs >= engineLateMs) return failure("docker.no_answer");
      } else if (goneMs >= engineGoneMs) {
        return engineProblem(error, await askEnginePlace(host, asked.signal)).failure;
      }
    }
  }

  return {
    async check(signal, final = false) {
      const asked = { host, stackDir, ...(signal === undefined ? {} : { signal }) };
      let { containers, error } = await look(asked);
      if (error !== null) return awaitEngine(asked);
      // One that crashed once is up a moment later; one in a loop waits ever longer between its starts.
      const isOpen = () =>
        containers.some((each) => each.state === "restarting" && restartsOf(each) === 1) &&
        !containers.some((each) => restartsOf(each) > 1);
      for (let count = 0; count < moreLooks && isOpen(); count += 1) {
        await host.clock.sleep(lookAgainMs, signal);
        ({ containers, error } = await look(asked));
        if (error !== null) return awaitEngine(asked);
      }
      const isThere = containers.some(({ service }) => service === own);
      if (sawOwn && !isThere) return failure("annie.container_gone", { service: own });
      sawOwn ||= isThere;
      const broken = containers.filter(
        (each) =>
          restartsOf(each) > 1 || isBroken(each, { own, final, restarts: restartsOf(each) }),
      );
      if (broken.length === 0) return null;
      const config = await readStackConfig(asked);
      const needed = config === null ? null : neededBy(own, config);
      for (const container of broken) {
        const looping = restartsOf(container) > 1 && container.state !== "exited";
        const seen = looping
          ? {
              ...container,
              state: "restarting" as const,
              exitCode:
                container.state === "restarting"
                  ? container.exitCode
                  : await lastExitStatus(asked, container.name),
            }
          : container;
        const essential = needed === null || needed.has(container.service);
        const service = config?.services[container.service];
        const limit = service === undefined ? null : memoryLimitOf(service);
        const volumes = service?.volumes ?? [];
        const request = {
          ...asked,
          emit,
          modelsAt,
          container: seen,
          memoryLimit: limit,
          volumes,
          holdsBack: config !== null && mustFinish(container.service, config),
        };
        if (essential) return explainContainer(request);
        if (!explained.has(container.name)) {
          explained.add(container.name);
          await explainContainer(request);
        }
      }
      return null;
    },
  };
}

interface Listed {
  readonly containers: readonly Container[];
  readonly error: EngineError | "late" | null;
}

/**
 * Which container prevents Annie from running, with its last lines of log; null where all of them run.
 * Emits `container.failed`.
 */
export function explainContainers(
  request: StackWatchRequest & { readonly signal?: AbortSignal },
): Promise<Failure | null> {
  return watchContainers(request).check(request.signal, true);
}

/**
 * Whether a container keeps the stack from being in order. `final`: one that only restarts or is unhealthy counts too.
 * @param own the assistant's service
 */
export function isBroken(
  container: Container,
  { own, final, restarts = 0 }: { own: string; final: boolean; restarts?: number },
): boolean {
  switch (container.state) {
    case "exited":
      // A helper of the user's own may end in order; Annie never does.
      return container.exitCode !== 0 || container.service === own;
    case "restarting":
      return final || restarts > 1;
    case "unhealthy":
      return final;
    default:
      return false;
  }
}

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
  /** Others are started only once it has ended well. */
  readonly holdsBack?: boolean;
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
  const cause = likelyCause(request, logLines);
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
