import path from "node:path";
import { z } from "zod";
import { type EngineError, readEngineError } from "./engine.ts";
import type { Host } from "../host/host.ts";
import { late, type Probe, withinLimit } from "../host/time-limit.ts";
import type { Emit } from "../run/event.ts";
import type { ContainerState } from "../run/events/stack.ts";
import { lastLine, type ListRequest, runCompose } from "./compose.ts";
import { parseJson } from "../run/json.ts";

/** One container of the stack, as `docker compose ps` shows it. */
export interface Container {
  readonly service: string;
  readonly name: string;
  readonly state: ContainerState;
  /** Of the last run; 0 while the first one lasts. */
  readonly exitCode: number;
  /** "Restarting (1) 2 seconds ago". */
  readonly status: string;
}

const row = z.object({
  Service: z.string(),
  Name: z.string().default(""),
  State: z.string(),
  Health: z.string().default(""),
  ExitCode: z.number().default(0),
  Status: z.string().default(""),
});

/** Reads `docker compose ps -a --format json`: a line an object, or in older versions one array. */
export function parseContainers(text: string): readonly Container[] {
  const trimmed = text.trim();
  const items = trimmed.startsWith("[")
    ? z.array(z.unknown()).catch([]).parse(parseJson(trimmed))
    : trimmed.split("\n").map(parseJson);
  return items.flatMap((item) => {
    const { data } = row.safeParse(item);
    if (data === undefined) return [];
    return [
      {
        service: data.Service,
        name: data.Name,
        state: containerState(data.State, data.Health),
        // While it waits for its next start, only the words say how the last run ended: "Restarting (3) 2 seconds ago".
        exitCode: data.ExitCode || Number(/^\w+ \((\d+)\)/.exec(data.Status)?.[1] ?? 0),
        status: data.Status,
      },
    ];
  });
}

/** What docker said of the stack's containers. */
export interface Listing {
  /** Stopped ones too; none where docker did not say. */
  readonly containers: readonly Container[];
  /** Why docker did not say, where that is its engine's fault; `late` where it took too long. */
  readonly error: EngineError | "late" | null;
}

export async function listContainers(request: ListRequest): Promise<Listing> {
  const { exitCode, stdout, stderr, timedOut } = await runCompose({
    ...request,
    args: ["ps", "-a", "--format", "json"],
    timeoutMs: 15_000,
  });
  if (exitCode === 0) return { containers: parseContainers(stdout), error: null };
  return { containers: [], error: timedOut ? "late" : readEngineError(stderr) };
}

/** How a container that is up again last ended; null where docker does not say. */
export async function lastExitStatus(
  { host, signal }: ListRequest,
  name: string,
): Promise<number | null> {
  const { exitCode, stdout } = await host.processes.run({
    command: "docker",
    args: `events --since 10m --until 0s --filter event=die --filter container=${name} --format {{.Actor.Attributes.exitCode}}`.split(
      " ",
    ),
    timeoutMs: 5000,
    ...(signal === undefined ? {} : { signal }),
  });
  const last = exitCode === 0 ? lastLine(stdout) : "";
  return /^\d+$/.test(last) ? Number(last) : null;
}

/** When a container last started, in milliseconds since 1970; null where docker does not say. */
export async function askStartedAt(
  { host, signal }: ListRequest,
  name: string,
): Promise<number | null> {
  const { exitCode, stdout } = await host.processes.run({
    command: "docker",
    args: ["inspect", "--type", "container", "--format", "{{.State.StartedAt}}", name],
    timeoutMs: 15_000,
    ...(signal === undefined ? {} : { signal }),
  });
  const atMs = exitCode === 0 ? Date.parse(stdout.trim()) : Number.NaN;
  return Number.isNaN(atMs) ? null : atMs;
}

/** Something of this machine, or a volume, that a container sees at a path. */
export interface ContainerMount {
  readonly type: string;
  /** A path of this machine; of a volume, its name. */
  readonly source: string;
  /** In the container. */
  readonly target: string;
}

const mounted = z.array(
  z.object({
    Type: z.string(),
    Name: z.string().optional(),
    Source: z.string().default(""),
    Destination: z.string(),
  }),
);

/** What a container really has mounted; null where docker does not say. */
export async function askMounts(
  { host, signal }: Pick<ListRequest, "host" | "signal">,
  name: string,
): Promise<readonly ContainerMount[] | null> {
  const { exitCode, stdout } = await host.processes.run({
    command: "docker",
    args: ["inspect", "--type", "container", "--format", "{{json .Mounts}}", name],
    timeoutMs: 15_000,
    ...(signal === undefined ? {} : { signal }),
  });
  const { data } = mounted.safeParse(exitCode === 0 ? parseJson(stdout) : null);
  return (
    data?.map(({ Type: type, Name, Source, Destination: target }) => ({
      type,
      source: type === "volume" ? (Name ?? Source) : Source,
      target,
    })) ?? null
  );
}

/** Whether docker has a volume of this name. */
export async function hasVolume(host: Host, name: string): Promise<boolean> {
  const { exitCode } = await host.processes.run({
    command: "docker",
    args: ["volume", "inspect", name],
    timeoutMs: 15_000,
  });
  return exitCode === 0;
}

/** Tells how containers are, where that changed. */
export type TellContainers = (containers: readonly Container[]) => void;

/** Tells each change of a container's state once. */
export function containerTeller(emit: Emit): TellContainers {
  const told = new Map<string, string>();
  return (containers) => {
    for (const { service, name, state, exitCode } of containers) {
      const ended = state === "exited" || state === "restarting";
      const key = `${state} ${ended ? exitCode : ""}`;
      if (told.get(name) === key) continue;
      told.set(name, key);
      emit({ type: "container.changed", service, state, ...(ended ? { exitCode } : {}) });
    }
  };
}

function containerState(state: string, health: string): ContainerState {
  switch (state.toLowerCase()) {
    case "running":
      if (health === "healthy" || health === "unhealthy") return health;
      return health === "starting" ? "starting" : "running";
    case "created":
      return "created";
    case "restarting":
      return "restarting";
    case "paused":
      return "running";
    default:
      return "exited";
  }
}

/** A container of the engine, whoever made it. */
export interface EngineContainer {
  readonly name: string;
  /** False for one that is stopped, or was never started: it has its name, and no port. */
  readonly isRunning: boolean;
  /** First and last of each range of ports of this machine that lead to it; none where it shares the machine's network. */
  readonly published: readonly PublishedRange[];
  readonly service: string | null;
  /** Of compose. */
  readonly project: string | null;
  /** The folder of the compose project. */
  readonly projectDir: string | null;
  /** Absolute: the first of the project's compose files. */
  readonly projectFile: string | null;
  /** Names of the volumes that it mounts. */
  readonly volumes: readonly string[];
}

export interface PublishedRange {
  readonly first: number;
  readonly last: number;
  readonly protocol: string;
  /** `0.0.0.0`, `::`, `127.0.0.1`. */
  readonly address: string;
}

const psLine = z.object({
  Names: z.string(),
  Labels: z.string().nullish(),
  Ports: z.string().nullish(),
  State: z.string().nullish(),
  Mounts: z.string().nullish(),
});

/** @param stdout of `docker ps --format '{{json .}}'`: a JSON object a line, its labels in one string */
export function parseDockerPs(stdout: string): readonly EngineContainer[] {
  return stdout.split("\n").flatMap((line) => {
    const { data } = psLine.safeParse(parseJson(line));
    if (data === undefined) return [];
    const { Names, Labels, Ports, State, Mounts } = data;
    const label = (name: string): string | null =>
      // A label's value may hold commas; the next label of compose's begins after one.
      new RegExp(`(?:^|,)com\\.docker\\.compose\\.${name}=(.*?)(?=,[\\w.-]+=|$)`).exec(
        Labels ?? "",
      )?.[1] ?? null;
    const folder = label("project.working_dir");
    // Some composes write "." there, which says nothing here.
    const projectDir = folder?.startsWith("/") === true ? folder : null;
    const [file = ""] = (label("project.config_files") ?? "").split(",");
    return [
      {
        name: Names,
        isRunning: !/^(?:created|exited|dead|removing)$/i.test(State ?? ""),
        published: parsePorts(Ports ?? ""),
        service: label("service"),
        project: label("project"),
        projectDir,
        projectFile: projectDir === null ? null : path.resolve(projectDir, file),
        volumes: (Mounts ?? "").split(",").filter((name) => name !== "" && !name.startsWith("/")),
      },
    ];
  });
}

/** `0.0.0.0:8000->8000/tcp, [::]:9000-9002->80-82/tcp, 5432/tcp`. */
function parsePorts(text: string): readonly PublishedRange[] {
  const mapped = /(?:^|[ ,])\[?([^\s\],]*?)\]?:(\d+)(?:-(\d+))?->[\d-]+\/(\w+)/g;
  return [...text.matchAll(mapped)].map(([, address = "", first, last, protocol = "tcp"]) => ({
    first: Number(first),
    last: Number(last ?? first),
    protocol,
    address,
  }));
}

/** An engine may have very many. */
const mostContainers = 2000;

/** The containers of this machine, stopped ones too, whoever made them; null where docker does not say. */
export async function askContainers(probe: Probe): Promise<readonly EngineContainer[] | null> {
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({
      command: "docker",
      args: ["ps", "--no-trunc", "--last", String(mostContainers), "--format", "{{json .}}"],
      signal,
    }),
  );
  return result === late || result.exitCode !== 0 ? null : parseDockerPs(result.stdout);
}

/** A volume or a network of the engine. */
export interface EngineResource {
  readonly name: string;
  /** The compose project that made it; null where none did. */
  readonly project: string | null;
}

const resource = z.array(
  z.object({ Name: z.string(), Labels: z.record(z.string(), z.string()).nullish().catch(null) }),
);

/** Those of these names that are there; null where docker does not say. */
export async function askResources(
  probe: Probe,
  kind: "volume" | "network",
  names: readonly string[],
): Promise<readonly EngineResource[] | null> {
  if (names.length === 0) return [];
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({ command: "docker", args: [kind, "inspect", ...names], signal }),
  );
  // It tells those that are there, too, where one is not.
  const found = result === late ? undefined : resource.safeParse(parseJson(result.stdout)).data;
  return (
    found?.map(({ Name: name, Labels }) => ({
      name,
      project: Labels?.["com.docker.compose.project"] ?? null,
    })) ?? null
  );
}

export interface Volume {
  readonly name: string;
  /** As docker says it: "1.2GB"; null where it does not. */
  readonly size: string | null;
}

const described = z.object({ Name: z.string(), Size: z.string().optional() });

/** The named volumes of a stack that are there; none where docker does not say. */
export async function listVolumes(request: ListRequest): Promise<readonly Volume[]> {
  const { host, signal } = request;
  const config = await runCompose({ ...request, args: ["config", "--format", "json"] });
  const shape = z.object({ volumes: z.record(z.string(), z.object({ name: z.string() })) });
  const named = shape.safeParse(parseJson(config.stdout)).data?.volumes ?? {};
  const names = new Set(Object.values(named).map(({ name }) => name));
  if (names.size === 0) return [];
  const { stdout } = await host.processes.run({
    command: "docker",
    args: ["system", "df", "--verbose", "--format", "{{json .Volumes}}"],
    ...(signal === undefined ? {} : { signal }),
  });
  const found = z.array(described).safeParse(parseJson(stdout)).data ?? [];
  return found
    .filter(({ Name }) => names.has(Name))
    .map(({ Name: name, Size: size = null }) => ({ name, size: size === "N/A" ? null : size }));
}
