import { z } from "zod";
import type { Files } from "../host/host.ts";
import { late, type Probe, withinLimit } from "../host/time-limit.ts";
import { parseJson } from "../run/json.ts";
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
  const { network } = probe.host;
  const free = await withinLimit(probe, () => network.portIsFree(port));
  if (free === late) return { state: "late" };
  if (free) return { state: "free" };
  const [owner, other] = await Promise.all([
    askPortOwner(probe, { port, projectDir }),
    findFreePort(probe, port),
  ]);
  return { state: "taken", owner, other };
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

/** A container that runs. */
export interface Running {
  readonly name: string;
  /** First and last of each range of ports of this machine that lead to it; none where it shares the machine's network. */
  readonly published: readonly (readonly [number, number])[];
  readonly service: string | null;
  /** The folder of the compose project. */
  readonly projectDir: string | null;
}

const row = z.object({
  Names: z.string(),
  Labels: z.string().nullish(),
  Ports: z.string().nullish(),
});

/** @param stdout of `docker ps --format '{{json .}}'`: a JSON object a line, its labels in one string */
export function parseDockerPs(stdout: string): readonly Running[] {
  return stdout.split("\n").flatMap((line) => {
    const { data } = row.safeParse(parseJson(line));
    if (data === undefined) return [];
    const { Names, Labels, Ports } = data;
    const label = (name: string): string | null =>
      // A label's value may hold commas; the next label of compose's begins after one.
      new RegExp(`(?:^|,)com\\.docker\\.compose\\.${name}=(.*?)(?=,[\\w.-]+=|$)`).exec(
        Labels ?? "",
      )?.[1] ?? null;
    const folder = label("project.working_dir");
    // Some composes write "." there, which says nothing here.
    const projectDir = folder?.startsWith("/") === true ? folder : null;
    return [
      { name: Names, published: parsePorts(Ports ?? ""), service: label("service"), projectDir },
    ];
  });
}

/** `0.0.0.0:8000->8000/tcp, [::]:9000-9002->80-82/tcp, 5432/tcp`. */
function parsePorts(text: string): Running["published"] {
  return [...text.matchAll(/:(\d+)(?:-(\d+))?->/g)].map(([, first, last]) => [
    Number(first),
    Number(last ?? first),
  ]);
}

const health = z.object({ status: z.string(), capabilities: z.record(z.string(), z.boolean()) });

/** Whether a body is what Annie's health contract says. */
export function isAnnie(body: string): boolean {
  return health.safeParse(parseJson(body)).success;
}

export async function askPortOwner(
  probe: Probe,
  { port, projectDir: ours }: { readonly port: number; readonly projectDir: string },
): Promise<PortOwner> {
  const [containers, annie, listener] = await Promise.all([
    askContainers(probe),
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

function leadsTo(published: Running["published"], port: number): boolean {
  return published.some(([first, last]) => first <= port && port <= last);
}

async function askContainers(probe: Probe): Promise<readonly Running[]> {
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({
      command: "docker",
      args: ["ps", "--format", "{{json .}}"],
      signal,
    }),
  );
  return result === late || result.exitCode !== 0 ? [] : parseDockerPs(result.stdout);
}

const mostBodyBytes = 256 * 1024;

async function askHealth(probe: Probe, port: number): Promise<boolean> {
  const answer = await withinLimit(probe, async (signal) => {
    try {
      const { status, body } = await probe.host.network.request({
        url: `http://127.0.0.1:${port}/health`,
        headers: { accept: "application/json" },
        signal,
      });
      const text = await textOf(body, mostBodyBytes);
      // 503 is how she says that she is still starting.
      return (status === 200 || status === 503) && isAnnie(text);
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
