import path from "node:path";
import type { CoreOf } from "../deploy/compose/core-service.ts";
import type { StackConfig } from "../docker/compose.ts";
import type { EngineContainer, EngineResource } from "../docker/containers.ts";
import type { PortAnswer } from "../machine/port.ts";
import type { Failure } from "../run/failure.ts";
import { type Clash, projectFix } from "../run/failures/stack.ts";
import { failure } from "../run/failures/table.ts";
import { quoted } from "../run/shell-quote.ts";
import { failedBy, type Finding } from "./finding.ts";
import { ownerWords, portFix } from "./port.ts";

/** What a stack takes of the machine that only one can have. */
export interface StackNeeds {
  /** As compose names it; null where it does not say. */
  readonly project: string | null;
  /** Its folder, where `.env` is. */
  readonly stackDir: string;
  /** By which compose knows its containers, links resolved. */
  readonly folders: readonly string[];
  /** The first of its compose files. */
  readonly file: string;
  readonly names: readonly {
    readonly name: string;
    readonly service: string;
    /** By `container_name`. */
    readonly isChosen: boolean;
  }[];
  readonly ports: readonly NeededPort[];
  readonly volumes: readonly NeededResource[];
  readonly networks: readonly NeededResource[];
}

export interface NeededPort {
  readonly port: number;
  /** In the container. */
  readonly target: number;
  readonly protocol: string;
  /** Of this machine; "" for all. */
  readonly address: string;
  readonly service: string;
  /** Where it answers: heros chooses it. */
  readonly isOwn: boolean;
}

interface NeededResource {
  /** In the compose file. */
  readonly key: string;
  readonly name: string;
}

/** Of an engine's containers, one that may be another stack's. */
export interface HeldContainer extends EngineContainer {
  /** `projectDir`, links resolved. */
  readonly folder: string | null;
  /** The project's compose file is no longer there: it was moved, or deleted. */
  readonly isMoved: boolean;
}

/** What others have. */
export interface Held {
  readonly containers: readonly HeldContainer[];
  readonly volumes: readonly EngineResource[];
  readonly networks: readonly EngineResource[];
  /** Of the TCP ports that the stack needs. */
  readonly ports: ReadonlyMap<number, PortAnswer>;
}

export type NeedsPlace = Pick<StackNeeds, "stackDir" | "folders" | "file"> & {
  /** Where the stack is to answer. */
  readonly port: number;
};

/** What compose would make of the stack, as far as others may have it already. */
export function needsOf(
  core: CoreOf,
  config: StackConfig,
  { port, ...place }: NeedsPlace,
): StackNeeds {
  const { service: ownService, port: ownPort } = core;
  const { name: project, ownVolumes, ownNetworks } = config;
  const services = Object.entries(config.services);
  const published = services.flatMap(([service, { ports }]) =>
    ports.flatMap(({ published: one = "", target, protocol = "tcp", host_ip: address = "" }) => {
      // Of a range, or of all, Docker takes one that is free.
      if (!/^\d+$/.test(one) || one === "0") return [];
      const isOwn = service === ownService && target === ownPort?.inside;
      return [{ port: Number(one), target, protocol, address, service, isOwn }];
    }),
  );
  const own: NeededPort = {
    port,
    target: ownPort?.inside ?? 0,
    protocol: "tcp",
    address: "127.0.0.1",
    service: ownService ?? "",
    isOwn: true,
  };
  const mounted = new Set(
    services.flatMap(([service, { volumes }]) =>
      volumes.flatMap(({ type, source, target }) => {
        // The service reads the folder of the answers instead.
        const mounts = core.services.find((each) => each.name === service)?.mounts ?? [];
        const isCovered = mounts.some(({ at }) => at === target);
        return type !== "volume" || source === undefined || isCovered ? [] : [source];
      }),
    ),
  );
  return {
    ...place,
    project,
    names: services.flatMap(([service, { container_name: chosen }]) => {
      const name = chosen ?? (project === null ? null : `${project}-${service}-1`);
      return name === null ? [] : [{ name, service, isChosen: chosen !== undefined }];
    }),
    ports:
      ownPort === null || published.some(({ isOwn }) => isOwn) ? published : [...published, own],
    volumes: [...ownVolumes].flatMap(([key, name]) => (mounted.has(key) ? [{ key, name }] : [])),
    networks: [...ownNetworks].map(([key, name]) => ({ key, name })),
  };
}

/**
 * What a stack can't have because something else of this machine has it. Its own containers are none of it; one that is
 * stopped has its name, and no port.
 */
export function findClashes(needs: StackNeeds, held: Held): readonly Clash[] {
  const taken = projectClash(needs, held.containers);
  const isOurs = ({ project, folder }: HeldContainer): boolean => {
    if (folder !== null && needs.folders.includes(folder)) return true;
    return taken === null && project !== null && project === needs.project;
  };
  const own = held.containers.filter(isOurs);
  const others = held.containers.filter((container) => !isOurs(container));
  return [
    ...(taken === null ? [] : [taken]),
    ...nameClashes(needs, others, taken !== null),
    ...portClashes(needs, others, held.ports),
    ...resourceClashes("volume", needs, { others, own, found: held.volumes }),
    ...resourceClashes("network", needs, { others, own, found: held.networks }),
  ];
}

/**
 * Compose knows a project by its name alone: with another folder's name it would replace that one's containers and use its
 * volumes, with other passwords. A folder that is gone was moved, and its containers with it.
 */
function projectClash(
  { project, folders, stackDir }: StackNeeds,
  containers: readonly HeldContainer[],
): Clash | null {
  if (project === null) return null;
  const known = containers.filter((each) => each.project === project && each.folder !== null);
  // Compose leaves a container that is as it should be, and its label, where it made it.
  if (known.some(({ folder }) => folder !== null && folders.includes(folder))) return null;
  const folder = known.find(({ isMoved }) => !isMoved)?.projectDir ?? null;
  if (folder === null) return null;
  return {
    kind: "project",
    what: `stack name ${project}`,
    problem: `belongs to the stack in ${folder}`,
    fix: projectFix({ name: project, folder, stackDir }),
    project: { name: project, folder, stackDir },
  };
}

/** @param isProjectTaken another name of the project frees the names that compose makes of it, too */
function nameClashes(
  { names, project, file, stackDir }: StackNeeds,
  others: readonly HeldContainer[],
  isProjectTaken: boolean,
): Clash[] {
  return names.flatMap(({ name, service, isChosen }): Clash[] => {
    const holder = others.find((each) => each.name === name);
    if (holder === undefined || (!isChosen && isProjectTaken)) return [];
    const rename = `docker rename ${quoted(name)} ${quoted(`${name}-old`)}`;
    const own = isChosen
      ? `remove container_name: ${name} from ${service} in ${file}`
      : `add COMPOSE_PROJECT_NAME=${project}-2 to ${path.join(stackDir, ".env")}`;
    return [
      {
        kind: "name",
        what: `container name ${name}`,
        problem: `is used by ${containerWords(holder)}`,
        fix: holder.project === null ? `rename the other container (${rename}), or ${own}` : own,
      },
    ];
  });
}

function portClashes(
  { ports, file }: StackNeeds,
  others: readonly HeldContainer[],
  answers: Held["ports"],
): Clash[] {
  return ports.flatMap((needed): Clash[] => {
    const { port, protocol, service, isOwn } = needed;
    const answer = protocol === "tcp" ? answers.get(port) : undefined;
    const [owner, other] = answer?.state === "taken" ? [answer.owner, answer.other] : [null, null];
    const container = others.find((each) => each.isRunning && holds(each, needed));
    const isContainers = owner?.kind === "container" && !isOwn;
    const byOwner = owner === null || isContainers ? null : ownerWords(owner);
    const holder =
      byOwner ??
      (container === undefined
        ? null
        : { by: containerWords(container), stop: `docker stop ${quoted(container.name)}` });
    if (holder === null) return [];
    const change = isOwn ? null : publishLine(needed, { other, file });
    return [
      {
        kind: "port",
        what: `port ${port}${protocol === "tcp" ? "" : `/${protocol}`}${isOwn ? "" : ` of ${service}`}`,
        problem: `is in use by ${holder.by}`,
        fix: portFix({ stop: holder.stop, other, change }),
        ...(isOwn ? { isOwn: true as const } : {}),
      },
    ];
  });
}

function publishLine(
  { address, target, service, protocol }: NeededPort,
  { other, file }: { readonly other: number | null; readonly file: string },
): string {
  if (other === null) return `publish another port of ${service} in ${file}`;
  const from = address === "" ? "" : `${address.includes(":") ? `[${address}]` : address}:`;
  const line = `"${from}${other}:${target}${protocol === "tcp" ? "" : `/${protocol}`}"`;
  return `publish another port of ${service} in ${file}: ${line}`;
}

function holds({ published }: HeldContainer, { port, protocol, address }: NeededPort): boolean {
  return published.some(
    (each) =>
      each.first <= port &&
      port <= each.last &&
      each.protocol === protocol &&
      (isEvery(each.address) || isEvery(address) || each.address === address),
  );
}

function isEvery(address: string): boolean {
  return /^(?:|0\.0\.0\.0|::)$/.test(address);
}

/**
 * Compose only warns, and lets two stacks write to one volume, or find each other's databases by one name. A volume that this
 * stack has been using is not taken from it.
 */
function resourceClashes(
  kind: "volume" | "network",
  { project, file, ...needs }: StackNeeds,
  {
    others,
    own,
    found,
  }: {
    readonly others: readonly HeldContainer[];
    readonly own: readonly HeldContainer[];
    readonly found: readonly EngineResource[];
  },
): Clash[] {
  const needed = kind === "volume" ? needs.volumes : needs.networks;
  return needed.flatMap(({ key, name }): Clash[] => {
    const there = found.find((each) => each.name === name);
    if (there === undefined || there.project === project) return [];
    if (own.some(({ volumes }) => kind === "volume" && volumes.includes(name))) return [];
    const owner = others.find((each) => there.project !== null && each.project === there.project);
    const folder = owner?.projectDir ?? null;
    const where = folder === null ? "" : ` in ${folder}`;
    const named = `${project ?? path.basename(needs.stackDir)}_${key}`;
    const another = named === name ? `${named}-2` : named;
    const use = kind === "volume" ? "to use its data" : "to join it";
    return [
      {
        kind,
        what: `${kind} ${name}`,
        problem:
          there.project === null
            ? "exists already, and Docker Compose did not create it"
            : `belongs to the stack ${there.project}${where}`,
        fix: `under ${kind}s in ${file}, write ${key}: {name: ${another}}, or ${use}, ${key}: {name: ${name}, external: true}`,
      },
    ];
  });
}

/** "the container web-1 of the stack web in /srv/web". */
function containerWords({ name, isRunning, project, projectDir }: HeldContainer): string {
  return ownerWords({ kind: "container", name, project, projectDir, isRunning })?.by ?? name;
}

/** One report of all of them; null where there are none. */
export function clashFailure(clashes: readonly Clash[]): Failure | null {
  const [first, ...more] = clashes;
  if (first === undefined) return null;
  if (more.length > 0 || first.project === undefined) return failure("stack.clashes", { clashes });
  return failure("stack.project_taken", first.project);
}

/** The stack's own port has a check of its own; beside other clashes the report names it, too. */
export function assessClashes(clashes: readonly Clash[]): Finding {
  const others = clashes.filter(({ isOwn }) => isOwn !== true);
  const whole = others.length === 0 ? null : clashFailure(clashes);
  if (whole === null) return { status: "ok", found: "no other stack has what this one needs" };
  return {
    ...failedBy(whole),
    found: others.map(({ what, problem }) => `${what} ${problem}`).join("; "),
    remedy: others
      .map(({ what, fix }) => (others.length === 1 ? fix : `${what}: ${fix}`))
      .join("; "),
  };
}
