import {
  type Container,
  containerTeller,
  lastExitStatus,
  listContainers,
  type TellContainers,
} from "./containers.ts";
import { askEnginePlace, type EngineError, engineProblem } from "./engine.ts";
import { explainContainer, knownOf, readLastLines } from "./explain-container.ts";
import { type ContainerDetails, inspectContainers } from "./inspect-containers.ts";
import {
  type ListRequest,
  memoryLimitOf,
  mustFinish,
  neededBy,
  readStackConfig,
  type StackConfig,
} from "./compose.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { Failure } from "../run/failure.ts";
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
  /** Where the models are mounted in its container; null where they are not. */
  readonly modelsAt: string | null;
  /** Tells changes; shared by all that look at the same containers, so that none is told twice. */
  readonly tell?: TellContainers;
}

/** How the assistant answers while its containers are looked at: what it says itself counts for more than what Docker says. */
export type Voice = "healthy" | "unwell" | "silent";

export interface Look {
  readonly voice?: Voice;
  /** Time is up: what only restarts counts too. */
  readonly final?: boolean;
}

export interface StackWatch {
  /**
   * Looks at the containers once, tells what changed, and says what, if anything, prevents the stack from running: a container
   * that ended, starts again and again, ran out of memory, is unhealthy while it is silent, or was taken away, or an engine
   * that is gone. To be asked every few seconds, to the end of the run: a container that crashes once is forgiven.
   */
  check(signal?: AbortSignal, look?: Look): Promise<Failure | null>;
  /** The assistant's container as it was last looked at; null where it was not there. */
  own(): OwnContainer | null;
  /** The last lines of the assistant's log. */
  lastLines(signal?: AbortSignal): Promise<readonly string[]>;
}

export interface OwnContainer {
  readonly state: Container["state"];
  /** Null where docker does not tell. */
  readonly details: ContainerDetails | null;
}

/** Watches over the containers beside the stack's own health: a crash loop is told within seconds, and not after a time-out. */
export function watchContainers(watched: StackWatchRequest): StackWatch {
  const { host, stackDir, emit, service: own, modelsAt, tell = containerTeller(emit) } = watched;
  /** When each container started again. */
  const restarts = new Map<string, number[]>();
  const counted = new Map<string, number>();
  const explained = new Set<string>();
  let details: ReadonlyMap<string, ContainerDetails> = new Map();
  let ownContainer: OwnContainer | null = null;
  let config: StackConfig | null = null;
  let sawOwn = false;

  function noteRestarts(containers: readonly Container[]) {
    const nowMs = host.clock.monotonicMs();
    for (const { name, state } of containers) {
      const [before, count] = [counted.get(name), details.get(name)?.restarts];
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
  const outOfMemory = (each: Container) =>
    details.get(each.name)?.outOfMemory === true &&
    (each.state === "exited" || restartsOf(each) > 0);

  async function look(asked: ListRequest): Promise<Listed> {
    const { containers, error } = await listContainers(asked);
    if (error !== null) return { containers, error };
    tell(containers);
    details = await inspectContainers(asked, containers);
    noteRestarts(containers);
    const found = containers.find(({ service }) => service === own);
    ownContainer = found ? { state: found.state, details: details.get(found.name) ?? null } : null;
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

  /** Whether this keeps the stack from being in order, and the stack from running where it needs it. */
  function judge(container: Container, { voice = "silent", final = false }: Look) {
    const { service, state } = container;
    const isNeeded = config === null || neededBy(own, config).has(service);
    const holdsBack = config !== null && mustFinish(service, config);
    const ends = config === null ? service !== own : holdsBack || !isNeeded;
    // What is killed at a limit of its own is so again: the same program loads the same models.
    const isLimited = outOfMemory(container) && limitOf(service) !== null;
    const isBad =
      restartsOf(container) > 1 ||
      isLimited ||
      (state === "exited" && !(ends && container.exitCode === 0)) ||
      (state === "restarting" && final) ||
      (state === "unhealthy" && isUnheard({ isOwn: service === own, isNeeded, voice }));
    return { isBad, isNeeded, holdsBack };
  }

  const limitOf = (service: string) => {
    const found = config?.services[service];
    return found === undefined ? null : memoryLimitOf(found);
  };

  async function explain(asked: ListRequest, container: Container, holdsBack: boolean) {
    const looping = restartsOf(container) > 1 && container.state !== "exited";
    const killed = outOfMemory(container);
    const isUp = container.state !== "exited" && container.state !== "restarting";
    // It may be up again by now.
    const ended = looping || (killed && isUp);
    const seen = ended
      ? {
          ...container,
          state: looping ? ("restarting" as const) : ("exited" as const),
          exitCode:
            container.state === "restarting"
              ? container.exitCode
              : await lastExitStatus(asked, container.name),
        }
      : container;
    return explainContainer({
      ...asked,
      emit,
      modelsAt,
      container: seen,
      outOfMemory: killed,
      ...knownOf(container, { config, details: details.get(container.name) ?? null }),
      holdsBack,
    });
  }

  return {
    own: () => ownContainer,
    lastLines: (signal) =>
      readLastLines({ host, stackDir, ...(signal === undefined ? {} : { signal }) }, own),
    async check(signal, how = {}) {
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
      const isOdd = (each: Container) =>
        restartsOf(each) > 0 || ["exited", "restarting", "unhealthy"].includes(each.state);
      if (!containers.some(isOdd)) return null;
      config ??= await readStackConfig(asked);
      for (const container of containers) {
        const { isBad, isNeeded, holdsBack } = judge(container, how);
        if (!isBad) continue;
        if (isNeeded) return explain(asked, container, holdsBack);
        if (!explained.has(container.name)) {
          explained.add(container.name);
          await explain(asked, container, holdsBack);
        }
      }
      return null;
    },
  };
}

/** Docker's word that a container is unhealthy stands where nobody says better. */
export function isUnheard({
  isOwn,
  isNeeded,
  voice,
}: {
  readonly isOwn: boolean;
  readonly isNeeded: boolean;
  readonly voice: Voice;
}): boolean {
  if (isOwn) return voice === "silent";
  return !isNeeded || voice !== "healthy";
}

interface Listed {
  readonly containers: readonly Container[];
  readonly error: EngineError | "late" | null;
}

/**
 * Which container prevents the stack from running, with its last lines of log; null where all of them run.
 * Emits `container.failed`.
 */
export function explainContainers(
  request: StackWatchRequest & { readonly signal?: AbortSignal },
): Promise<Failure | null> {
  return watchContainers(request).check(request.signal, { final: true });
}
