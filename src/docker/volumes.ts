import path from "node:path";
import { z } from "zod";
import type { Host } from "../host/host.ts";
import type { RunResult } from "../host/processes.ts";
import { parseJson } from "../run/json.ts";
import { lastLine } from "./compose.ts";

type Doors = Pick<Host, "processes">;

/** A named volume as the engine describes it. */
export interface NamedVolume {
  readonly name: string;
  /** Absolute, on the engine's machine. */
  readonly mountpoint: string;
  /** The engine mounts something else there, an export or a disk, while a container uses it: before that the folder is empty. */
  readonly mountedOnUse: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export type VolumeAnswer =
  | { readonly state: "there"; readonly volume: NamedVolume }
  /** `mountpoint`: where the engine would make it; null where it does not say. */
  | { readonly state: "missing"; readonly mountpoint: string | null }
  /** In docker's words. */
  | { readonly state: "unclear"; readonly reason: string };

const text = z.record(z.string(), z.string()).nullish().catch(null);
const described = z.object({
  Name: z.string(),
  Driver: z.string(),
  Mountpoint: z.string(),
  Labels: text,
  Options: text,
});

const limitMs = 10_000;

/** Asks the engine about a volume. @throws AbortError */
export async function askVolume(
  host: Doors,
  name: string,
  signal?: AbortSignal,
): Promise<VolumeAnswer> {
  const inspected = await docker(host, ["volume", "inspect", name], signal);
  const [volume] = parseVolumes(inspected.stdout);
  if (inspected.exitCode === 0 && volume !== undefined) return { state: "there", volume };
  if (!/no such volume/i.test(inspected.stderr)) return unclear(inspected);
  const info = await docker(host, ["info", "--format", "{{.DockerRootDir}}"], signal);
  const root = info.stdout.trim();
  const mountpoint = root.startsWith("/") ? path.join(root, "volumes", name, "_data") : null;
  return { state: "missing", mountpoint };
}

function unclear({ missing, timedOut, stderr }: RunResult): VolumeAnswer {
  const said = lastLine(stderr);
  const reason = missing ? "docker is not installed" : timedOut ? "docker does not answer" : said;
  return { state: "unclear", reason: reason === "" ? "docker says nothing" : reason };
}

/** @param stdout of `docker volume inspect` */
export function parseVolumes(stdout: string): readonly NamedVolume[] {
  const found = z.array(described).safeParse(parseJson(stdout)).data ?? [];
  return found.map(({ Name, Driver, Mountpoint, Labels, Options }) => ({
    name: Name,
    mountpoint: Mountpoint,
    mountedOnUse: Driver !== "local" || Object.keys(Options ?? {}).length > 0,
    labels: Labels ?? {},
  }));
}

/** Makes a volume; one that is there already stays as it is. @returns docker's words where it refuses, else null */
export async function makeVolume(
  host: Doors,
  name: string,
  signal?: AbortSignal,
): Promise<string | null> {
  const result = await docker(host, ["volume", "create", name], signal);
  if (result.exitCode === 0) return null;
  const answer = unclear(result);
  return answer.state === "unclear" ? answer.reason : null;
}

/** The volumes that compose made under this name in its files, of whatever project; none where docker does not say. */
export async function findComposeVolumes(
  host: Doors,
  key: string,
  signal?: AbortSignal,
): Promise<readonly NamedVolume[]> {
  const filter = `label=com.docker.compose.volume=${key}`;
  const listed = await docker(host, ["volume", "ls", "--quiet", "--filter", filter], signal);
  const names = listed.stdout.split("\n").filter((name) => name !== "");
  if (listed.exitCode !== 0 || names.length === 0) return [];
  const inspected = await docker(host, ["volume", "inspect", ...names], signal);
  return parseVolumes(inspected.stdout);
}

function docker(host: Doors, args: readonly string[], signal?: AbortSignal): Promise<RunResult> {
  return host.processes.run({
    command: "docker",
    args: [...args],
    timeoutMs: limitMs,
    ...(signal === undefined ? {} : { signal }),
  });
}
