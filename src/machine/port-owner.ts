import { z } from "zod";
import { askListener } from "./port-listener.ts";
import { readStart } from "./read-start.ts";
import { late, withinLimit, type Probe } from "./time-limit.ts";

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
    if (line.trim() === "") return [];
    try {
      const { Names, Labels, Ports } = row.parse(JSON.parse(line));
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
    } catch {
      return [];
    }
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
  try {
    return health.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
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

async function askHealth(probe: Probe, port: number): Promise<boolean> {
  const answer = await withinLimit(probe, async (signal) => {
    try {
      const { status, body } = await probe.host.network.request({
        url: `http://127.0.0.1:${port}/health`,
        headers: { accept: "application/json" },
        signal,
      });
      const text = await readStart(body);
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
