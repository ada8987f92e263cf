import { z } from "zod";
import { parseJson } from "../run/json.ts";
import type { ListRequest } from "./compose.ts";
import { type Container, lastExitStatus, type Listing, listContainers } from "./containers.ts";

/** What docker knows of a container beside its state. */
export interface ContainerDetails {
  /** How often docker itself has started it again. */
  readonly restarts: number;
  /** The kernel killed it for its memory, in this run of it or in the one before. */
  readonly outOfMemory: boolean;
  /** When it last started, in milliseconds since 1970; null where docker does not say. */
  readonly startedAtMs: number | null;
  /** Ports of this machine that lead to it. */
  readonly ports: readonly number[];
  /** Its health checks since it started, oldest first, as many as docker keeps (5); none where it has no check. */
  readonly checks: readonly HealthCheck[];
}

/** One run of a container's own health check. Times in milliseconds since 1970. */
export interface HealthCheck {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly passed: boolean;
  /** What it printed; docker keeps 4096 bytes. */
  readonly output: string;
}

const time = z.string().transform((text) => Date.parse(text));
const check = z.object({
  Start: time,
  End: time,
  ExitCode: z.number(),
  Output: z.string().default(""),
});
const line = z.object({
  name: z.string(),
  restarts: z.number(),
  state: z.object({
    OOMKilled: z.boolean().default(false),
    StartedAt: time,
    Health: z
      .object({ Log: z.array(check).nullish() })
      .nullish()
      .catch(null),
  }),
  ports: z
    .record(z.string(), z.array(z.object({ HostPort: z.string() })).nullable())
    .nullish()
    .catch(null),
});

const format =
  '{"name":{{json .Name}},"restarts":{{.RestartCount}},"state":{{json .State}},"ports":{{json .NetworkSettings.Ports}}}';

/** Details by the container's name; without those that docker does not tell. */
export async function inspectContainers(
  { host, signal }: Pick<ListRequest, "host" | "signal">,
  containers: readonly Pick<Container, "name">[],
): Promise<ReadonlyMap<string, ContainerDetails>> {
  const names = containers.flatMap(({ name }) => (name === "" ? [] : [name]));
  if (names.length === 0) return new Map();
  const { stdout } = await host.processes.run({
    command: "docker",
    args: ["inspect", "--type", "container", "--format", format, ...names],
    timeoutMs: 15_000,
    ...(signal === undefined ? {} : { signal }),
  });
  return parseDetails(stdout);
}

/** @param stdout of `docker inspect`, a JSON object a line */
export function parseDetails(stdout: string): ReadonlyMap<string, ContainerDetails> {
  return new Map(
    stdout.split("\n").flatMap((text) => {
      const { data } = line.safeParse(parseJson(text));
      if (data === undefined) return [];
      const { name, restarts, state, ports } = data;
      const startedAtMs = state.StartedAt > 0 ? state.StartedAt : null;
      const checks = (state.Health?.Log ?? [])
        .map(({ Start, End, ExitCode, Output }) => ({
          startedAtMs: Start,
          endedAtMs: End,
          passed: ExitCode === 0,
          output: Output,
        }))
        // Docker keeps those of the run before, too.
        .filter((each) => startedAtMs !== null && each.startedAtMs >= startedAtMs);
      const published = Object.values(ports ?? {}).flatMap((bound) => bound ?? []);
      return [
        [
          name.replace(/^\//, ""),
          {
            restarts,
            outOfMemory: state.OOMKilled,
            startedAtMs,
            ports: published.map(({ HostPort }) => Number(HostPort)),
            checks,
          },
        ] as const,
      ];
    }),
  );
}

/** One that docker started again and again, and that has not lasted for so long yet, is about to end again. */
const loopMs = 60_000;

/** The containers at one look: one that keeps restarting may be up at this moment, and is told as restarting. */
export async function listWithLoops(asked: ListRequest): Promise<Listing> {
  const listing = await listContainers(asked);
  const known = await inspectContainers(asked, listing.containers);
  const nowMs = asked.host.clock.now().getTime();
  const isLooping = ({ name, state }: Container): boolean => {
    const { restarts = 0, startedAtMs = null } = known.get(name) ?? {};
    const isUp = state === "running" || state === "starting";
    return isUp && restarts > 1 && startedAtMs !== null && nowMs - startedAtMs < loopMs;
  };
  const containers = await Promise.all(
    listing.containers.map(async (each): Promise<Container> => {
      if (!isLooping(each)) return each;
      const exitCode = (await lastExitStatus(asked, each.name)) ?? each.exitCode;
      return { ...each, state: "restarting", exitCode };
    }),
  );
  return { ...listing, containers };
}
