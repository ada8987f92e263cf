import { askEnginePlace } from "../docker/engine-place.ts";
import { engineFailure, engineProblem, type EngineTrouble } from "../docker/engine-problem.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { annieService } from "./base-check.ts";
import {
  type Container,
  containerTeller,
  lastExitStatus,
  countRestarts,
  listContainers,
  type ListRequest,
} from "./containers.ts";
import { explainContainer } from "./explain-container.ts";
import { memoryLimit, readStackConfig } from "./stack-config.ts";

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
}

export interface StackWatch {
  /**
   * Looks at the containers once, tells what changed, and says what, if anything, keeps Annie from running: a container
   * that ended, starts again and again or was taken away, or an engine that is gone.
   * To be asked every few seconds, to the end of the run: a container that crashes once is forgiven. With `final`,
   * one that is merely unhealthy counts too.
   */
  check(signal?: AbortSignal, final?: boolean): Promise<Failure | null>;
}

/** Watches over the containers beside Annie's own health: a crash loop is told within seconds, and not after a time-out. */
export function watchContainers({ host, stackDir, emit }: StackWatchRequest): StackWatch {
  const tell = containerTeller(emit);
  /** When each container started again. */
  const restarts = new Map<string, number[]>();
  const counted = new Map<string, number>();
  const explained = new Set<string>();
  let sawAnnie = false;

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
    const { containers, trouble } = await listContainers(asked);
    if (trouble !== null) return { containers, trouble };
    tell(containers);
    noteRestarts(containers, await countRestarts(asked, containers));
    return { containers, trouble };
  }

  /** Null once the engine answers again. */
  async function awaitEngine(asked: ListRequest): Promise<Failure | null> {
    const goneAtMs = host.clock.monotonicMs();
    for (;;) {
      await host.clock.sleep(lookAgainMs, asked.signal);
      const { trouble } = await listContainers(asked);
      if (trouble === null) return null;
      const goneMs = host.clock.monotonicMs() - goneAtMs;
      if (trouble === "late") {
        if (goneMs >= engineLateMs) return engineLate();
      } else if (goneMs >= engineGoneMs) {
        return engineFailure(engineProblem(trouble, await askEnginePlace(host, asked.signal)));
      }
    }
  }

  return {
    async check(signal, final = false) {
      const asked = { host, stackDir, ...(signal === undefined ? {} : { signal }) };
      let { containers, trouble } = await look(asked);
      if (trouble !== null) return awaitEngine(asked);
      // One that crashed once is up a moment later; one in a loop waits ever longer between its starts.
      const isOpen = () =>
        containers.some((each) => each.state === "restarting" && restartsOf(each) === 1) &&
        !containers.some((each) => restartsOf(each) > 1);
      for (let count = 0; count < moreLooks && isOpen(); count += 1) {
        await host.clock.sleep(lookAgainMs, signal);
        ({ containers, trouble } = await look(asked));
        if (trouble !== null) return awaitEngine(asked);
      }
      const annieIsThere = containers.some(({ service }) => service === annieService);
      if (sawAnnie && !annieIsThere) return takenAway();
      sawAnnie ||= annieIsThere;
      const broken = containers.filter(
        (each) => restartsOf(each) > 1 || isBroken(each, final, restartsOf(each)),
      );
      if (broken.length === 0) return null;
      const config = await readStackConfig(asked);
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
        const essential = config === null || config.needed.has(container.service);
        const service = config?.services[container.service];
        const limit = service === undefined ? null : memoryLimit(service);
        const volumes = service?.volumes ?? [];
        const request = { ...asked, emit, container: seen, memoryLimit: limit, volumes };
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
  readonly trouble: EngineTrouble | "late" | null;
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

function isBroken(container: Container, final: boolean, restarts: number): boolean {
  switch (container.state) {
    case "exited":
      // A helper of the user's own may end in order; Annie never does.
      return container.exitCode !== 0 || container.service === annieService;
    case "restarting":
      return final || restarts > 1;
    case "unhealthy":
      return final;
    default:
      return false;
  }
}

function takenAway(): Failure {
  return new Failure({
    code: "annie.container_gone",
    message: `The container of ${annieService} was removed while heros was at it.`,
    hint: "Run heros setup again, which starts it.",
    exitCode: exitCodes.failed,
  });
}

export function engineLate(): Failure {
  return new Failure({
    code: "docker.no_answer",
    message: "Docker does not answer.",
    hint: "Restart it with: sudo systemctl restart docker",
    exitCode: exitCodes.machine,
  });
}
