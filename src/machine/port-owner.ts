import { z } from "zod";
import { askListener } from "./port-listener.ts";
import { readStart } from "./read-start.ts";
import { late, withinLimit, type Probe } from "./time-limit.ts";

/** Who has a port that is taken. */
export type PortOwner =
  /** The stack in the folder that this run is about. */
  | { readonly kind: "our-stack" }
  /** Annie answers there; nobody could say whose container she is in. */
  | { readonly kind: "annie" }
  | { readonly kind: "container"; readonly name: string; readonly projectDir: string | null }
  | { readonly kind: "process"; readonly name: string; readonly pid: number }
  | { readonly kind: "unknown" };

export interface PublishedBy {
  readonly name: string;
  readonly service: string | null;
  /** The folder of the compose project. */
  readonly projectDir: string | null;
}

const row = z.object({ Names: z.string(), Labels: z.string().nullish() });

/** @param stdout of `docker ps --format '{{json .}}'`: a JSON object a line, its labels in one string */
export function parseDockerPs(stdout: string): readonly PublishedBy[] {
  return stdout.split("\n").flatMap((line) => {
    if (line.trim() === "") return [];
    try {
      const { Names, Labels } = row.parse(JSON.parse(line));
      const label = (name: string): string | null =>
        // A label's value may hold commas; the next label of compose's begins after one.
        new RegExp(`(?:^|,)com\\.docker\\.compose\\.${name}=(.*?)(?=,[\\w.-]+=|$)`).exec(
          Labels ?? "",
        )?.[1] ?? null;
      const folder = label("project.working_dir");
      // Some composes write "." there, which says nothing here.
      const projectDir = folder?.startsWith("/") === true ? folder : null;
      return [{ name: Names, service: label("service"), projectDir }];
    } catch {
      return [];
    }
  });
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
  { port, stackDir }: { readonly port: number; readonly stackDir: string },
): Promise<PortOwner> {
  const [containers, annie, process] = await Promise.all([
    askContainers(probe, port),
    askHealth(probe, port),
    askListener(probe, port),
  ]);
  const [container] = containers;
  if (container !== undefined) {
    const { name, service, projectDir } = container;
    if (service === "her-os-core") {
      if (projectDir === null && annie) return { kind: "annie" };
      if (projectDir !== null && (await sameFolder(probe, projectDir, stackDir))) {
        return { kind: "our-stack" };
      }
    }
    return { kind: "container", name, projectDir };
  }
  if (annie) return { kind: "annie" };
  return process === null ? { kind: "unknown" } : { kind: "process", ...process };
}

async function askContainers(probe: Probe, port: number): Promise<readonly PublishedBy[]> {
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({
      command: "docker",
      args: ["ps", "--filter", `publish=${port}`, "--format", "{{json .}}"],
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
