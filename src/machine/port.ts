import { realOf } from "../host/places.ts";
import { askContainers, type EngineContainer } from "../docker/containers.ts";
import type { Files } from "../host/host.ts";
import { late, type Probe, withinLimit } from "../host/time-limit.ts";
import { isHealthReport } from "../run/health-report.ts";
import { textOf } from "../host/network.ts";

/** How it stands with the port where the stack is to answer. */
export type PortAnswer =
  | { readonly state: "late" }
  | { readonly state: "free" }
  | {
      readonly state: "taken";
      readonly owner: PortOwner;
      /** The next free one above it; null where none is near. */
      readonly other: number | null;
    };

export interface PortAsked {
  readonly port: number;
  /** By which compose knows the stack's own containers. */
  readonly projectDir: string;
  /** The service that answers there; null where nobody knows. */
  readonly core?: string | null;
  /** All there are, where somebody has asked for them already. */
  readonly containers?: readonly EngineContainer[];
  /** Ports that are free now, and are no other ones to have: the stack wants them itself. */
  readonly wanted?: ReadonlySet<number>;
}

/** Whether the stack can have the port, or who has it. */
export async function askPort(probe: Probe, asked: PortAsked): Promise<PortAnswer> {
  const { port, wanted = new Set() } = asked;
  const free = await withinLimit(probe, (signal) => isFree({ ...probe, signal }, port));
  if (free === late) return { state: "late" };
  if (free) return { state: "free" };
  const [owner, other] = await Promise.all([
    askPortOwner(probe, asked),
    findFreePort(probe, port, wanted),
  ]);
  return { state: "taken", owner, other };
}

/** The ports that only root may take, and so try. */
const lowest = 1024;

async function isFree(probe: Probe, port: number): Promise<boolean> {
  const stays = await staysFree(probe.host, port, probe.signal);
  return stays && (port >= lowest || (await askSockets(probe.host.files, port)).size === 0);
}

const lookAgainMs = 50;

/** Whoever looks has the port for a moment, so a port that is taken is looked at again: another heros may have been looking. */
async function staysFree(
  { network, clock, random }: Probe["host"],
  port: number,
  signal: AbortSignal,
): Promise<boolean> {
  for (let look = 1; look <= 3; look += 1) {
    if (await network.portIsFree(port)) return true;
    if (look < 3) await clock.sleep(lookAgainMs * (0.5 + random()), signal);
  }
  return false;
}

/** The next free port above, so that the hint is a command that works; null where none is near. */
async function findFreePort(
  { host, signal }: Probe,
  port: number,
  wanted: ReadonlySet<number>,
): Promise<number | null> {
  const last = Math.min(port + 20, 65_535);
  for (let candidate = port + 1; candidate <= last; candidate += 1) {
    signal.throwIfAborted();
    if (wanted.has(candidate)) continue;
    if (await host.network.portIsFree(candidate)) return candidate;
  }
  return null;
}

/** Who has a port that is taken. */
export type PortOwner =
  /** The stack that this run is about. */
  | { readonly kind: "our-stack" }
  /** The stack answers there; nobody could say whose container it is in. */
  | { readonly kind: "stack" }
  | {
      readonly kind: "container";
      readonly name: string;
      /** Of compose, with its folder. */
      readonly project: string | null;
      readonly projectDir: string | null;
      readonly isRunning?: boolean;
    }
  | { readonly kind: "process"; readonly name: string; readonly pid: number }
  | { readonly kind: "unknown" };

export async function askPortOwner(
  probe: Probe,
  { port, projectDir: ours, core = null, containers: known }: PortAsked,
): Promise<PortOwner> {
  const [all, isStack, listener] = await Promise.all([
    known ?? askContainers(probe),
    askHealth(probe, port),
    askListener(probe, port),
  ]);
  const containers = (all ?? []).filter(({ isRunning }) => isRunning);
  const cores = containers.filter(({ service }) => service === core);
  for (const container of containers) {
    const { published, projectDir } = container;
    // One that shares the machine's network publishes nothing.
    const isCore = cores.includes(container) && published.length === 0;
    if (projectDir === null || (!isCore && !leadsTo(published, port))) continue;
    if (await sameFolder(probe, projectDir, ours)) return { kind: "our-stack" };
  }
  const container = containers.find(({ published }) => leadsTo(published, port));
  if (container !== undefined) {
    const { name, project, projectDir } = container;
    const nameless = cores.includes(container) && projectDir === null;
    return nameless && isStack
      ? { kind: "stack" }
      : { kind: "container", name, project, projectDir };
  }
  if (isStack) return { kind: "stack" };
  return listener === null ? { kind: "unknown" } : { kind: "process", ...listener };
}

function leadsTo(published: EngineContainer["published"], port: number): boolean {
  return published.some(({ first, last }) => first <= port && port <= last);
}

const maxBodyBytes = 256 * 1024;

async function askHealth(probe: Probe, port: number): Promise<boolean> {
  const answer = await withinLimit(probe, async (signal) => {
    try {
      const { status, body } = await probe.host.network.request({
        url: `http://127.0.0.1:${port}/health`,
        headers: { accept: "application/json" },
        signal,
      });
      const text = await textOf(body, maxBodyBytes);
      // 503 is how it says that it is still starting.
      return (status === 200 || status === 503) && isHealthReport(text);
    } catch {
      return false;
    }
  });
  return answer !== late && answer;
}

async function sameFolder({ host }: Probe, one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all([one, other].map((path) => realOf(host.files, path)));
  return first === second;
}

/** @param text of /proc/net/tcp or tcp6. @returns the inodes of the sockets that listen on the port */
export function parseListeners(text: string, port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return text.split("\n").flatMap((line) => {
    const cells = line.trim().split(/\s+/);
    const [, local, , state] = cells;
    const inode = cells[9];
    return state === "0A" && local?.endsWith(`:${wanted}`) === true && inode !== undefined
      ? [inode]
      : [];
  });
}

/** What listens on the port, as a process' descriptors name it. */
async function askSockets(files: Files, port: number): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => files.readFile(path, "utf8").catch(() => "")),
  );
  const inodes = tables.flatMap((table) => parseListeners(table, port));
  return new Set(inodes.map((inode) => `socket:[${inode}]`));
}

/** The program that listens on the port; null where it belongs to another user. */
export async function askListener(
  probe: Probe,
  port: number,
): Promise<{ readonly name: string; readonly pid: number } | null> {
  const { files } = probe.host;
  const found = await withinLimit(probe, async () => {
    const sockets = await askSockets(files, port);
    if (sockets.size === 0) return null;
    const pids = (await files.readdir("/proc").catch(() => [])).filter((name) =>
      /^\d+$/.test(name),
    );
    const holders = await Promise.all(pids.map((pid) => holds(files, pid, sockets)));
    const pid = pids.find((_, index) => holders[index]);
    if (pid === undefined) return null;
    const name = await files.readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
    return { name: name.trim() || "a program", pid: Number(pid) };
  });
  return found === late ? null : found;
}

/** Only the processes of this user can be looked into, unless that is root. */
async function holds(files: Files, pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await files.readdir(folder).catch(() => []);
  const links = await Promise.all(
    descriptors.map((name) => files.readlink(`${folder}/${name}`).catch(() => "")),
  );
  return links.some((link) => sockets.has(link));
}
