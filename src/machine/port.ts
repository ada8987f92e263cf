import { askRunning, type RunningContainer } from "../docker/containers.ts";
import type { Files } from "../host/host.ts";
import { late, type Probe, withinLimit } from "../host/time-limit.ts";
import { isHealthReport } from "../run/health-report.ts";
import { textOf } from "../host/network.ts";

/** How it stands with the port where Annie is to answer. */
export type PortAnswer =
  | { readonly state: "late" }
  | { readonly state: "free" }
  | {
      readonly state: "taken";
      readonly owner: PortOwner;
      /** The next free one above it; null where none is near. */
      readonly other: number | null;
    };

/** Whether Annie can have the port, or who has it. */
export async function askPort(
  probe: Probe,
  { port, projectDir }: { readonly port: number; readonly projectDir: string },
): Promise<PortAnswer> {
  const free = await withinLimit(probe, (signal) => staysFree(probe.host, port, signal));
  if (free === late) return { state: "late" };
  if (free) return { state: "free" };
  const [owner, other] = await Promise.all([
    askPortOwner(probe, { port, projectDir }),
    findFreePort(probe, port),
  ]);
  return { state: "taken", owner, other };
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
async function findFreePort({ host, signal }: Probe, port: number): Promise<number | null> {
  const last = Math.min(port + 20, 65_535);
  for (let candidate = port + 1; candidate <= last; candidate += 1) {
    signal.throwIfAborted();
    if (await host.network.portIsFree(candidate)) return candidate;
  }
  return null;
}

/** Who has a port that is taken. */
export type PortOwner =
  /** The stack that this run is about. */
  | { readonly kind: "our-stack" }
  /** Annie answers there; nobody could say whose container she is in. */
  | { readonly kind: "annie" }
  | { readonly kind: "container"; readonly name: string; readonly projectDir: string | null }
  | { readonly kind: "process"; readonly name: string; readonly pid: number }
  | { readonly kind: "unknown" };

export async function askPortOwner(
  probe: Probe,
  { port, projectDir: ours }: { readonly port: number; readonly projectDir: string },
): Promise<PortOwner> {
  const [containers, annie, listener] = await Promise.all([
    askRunning(probe),
    askHealth(probe, port),
    askListener(probe, port),
  ]);
  const cores = containers.filter(({ service }) => service === "her-os-core");
  for (const { published, projectDir } of cores) {
    const here = published.length === 0 || leadsTo(published, port);
    if (!here || projectDir === null) continue;
    if (await sameFolder(probe, projectDir, ours)) return { kind: "our-stack" };
  }
  const container = containers.find(({ published }) => leadsTo(published, port));
  if (container !== undefined) {
    const { name, projectDir } = container;
    const nameless = cores.includes(container) && projectDir === null;
    return nameless && annie ? { kind: "annie" } : { kind: "container", name, projectDir };
  }
  if (annie) return { kind: "annie" };
  return listener === null ? { kind: "unknown" } : { kind: "process", ...listener };
}

function leadsTo(published: RunningContainer["published"], port: number): boolean {
  return published.some(([first, last]) => first <= port && port <= last);
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
      // 503 is how she says that she is still starting.
      return (status === 200 || status === 503) && isHealthReport(text);
    } catch {
      return false;
    }
  });
  return answer !== late && answer;
}

async function sameFolder({ host }: Probe, one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all(
    [one, other].map((path) => host.files.realpath(path).catch(() => path)),
  );
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

/** The program that listens on the port; null where it belongs to another user. */
export async function askListener(
  probe: Probe,
  port: number,
): Promise<{ readonly name: string; readonly pid: number } | null> {
  const { files } = probe.host;
  const found = await withinLimit(probe, async () => {
    const tables = await Promise.all(
      ["/proc/net/tcp", "/proc/net/tcp6"].map((path) =>
        files.readFile(path, "utf8").catch(() => ""),
      ),
    );
    const sockets = new Set(
      tables.flatMap((table) => parseListeners(table, port)).map((inode) => `socket:[${inode}]`),
    );
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
