import { z } from "zod";
import type { Host } from "../host/host.ts";
import { parseJson } from "../run/json.ts";

/** An image that the engine has, as `docker image inspect` shows it. */
export interface EngineImage {
  /** Of its configuration in the classic store, of its index or manifest in containerd's. */
  readonly id: string;
  /** `redis:7`, `ghcr.io/her-os/core:1` */
  readonly names: readonly string[];
  /** `redis@sha256:…`; none of an image that was loaded into the classic store. */
  readonly namesByDigest: readonly string[];
  /** What its layers hash to once unpacked, the lowest first. */
  readonly diffIds: readonly string[];
  readonly os: string;
  readonly architecture: string;
  readonly unpackedBytes: number;
}

const list = z
  .array(z.string())
  .nullish()
  .catch(null)
  .transform((names) => names ?? []);
const line = z.object({
  id: z.string(),
  names: list,
  namesByDigest: list,
  diffIds: list,
  os: z.string().catch(""),
  architecture: z.string().catch(""),
  unpackedBytes: z.number().catch(0),
});
const format = `{"id":{{json .Id}},"names":{{json .RepoTags}},"namesByDigest":{{json .RepoDigests}},"diffIds":{{json .RootFS.Layers}},"os":{{json .Os}},"architecture":{{json .Architecture}},"unpackedBytes":{{json .Size}}}`;

const timeoutMs = 30_000;
const maxOutputBytes = 16 * 1024 * 1024;
/** Of one command line. */
const inspectedAtOnce = 100;
/** Nobody's engine has more; those beyond are taken for missing. */
const maxImages = 2000;

interface ListRequest {
  readonly host: Pick<Host, "processes">;
  readonly signal: AbortSignal;
}

/** All images of the engine; null where it does not answer. @throws AbortError */
export async function listEngineImages({
  host,
  signal,
}: ListRequest): Promise<readonly EngineImage[] | null> {
  const limits = { signal, timeoutMs, maxOutputBytes };
  const listed = await host.processes.run({
    command: "docker",
    args: ["image", "ls", "--quiet", "--no-trunc"],
    ...limits,
  });
  if (listed.exitCode !== 0) return null;
  const ids = [
    ...new Set(listed.stdout.split("\n").filter((id) => /^sha256:[0-9a-f]{64}$/.test(id))),
  ];
  return findEngineImages({ host, signal }, ids.slice(0, maxImages));
}

/** One image by its name or its id; null where the engine does not have it, or does not answer. @throws AbortError */
export async function findEngineImage(
  request: ListRequest,
  name: string,
): Promise<EngineImage | null> {
  const [found = null] = await findEngineImages(request, [name]);
  return found;
}

/** Those of these names or ids that the engine has; none where it does not answer. @throws AbortError */
export async function findEngineImages(
  request: ListRequest,
  names: readonly string[],
): Promise<EngineImage[]> {
  // What begins with a dash would be read as an option.
  const askable = names.filter((name) => !name.startsWith("-"));
  const found: EngineImage[] = [];
  for (let from = 0; from < askable.length; from += inspectedAtOnce) {
    found.push(...(await inspect(request, askable.slice(from, from + inspectedAtOnce))));
  }
  return found;
}

/** Of one that is gone meanwhile, docker says so and shows the others. */
async function inspect(
  { host, signal }: ListRequest,
  names: readonly string[],
): Promise<EngineImage[]> {
  const { stdout } = await host.processes.run({
    command: "docker",
    args: ["image", "inspect", "--format", format, ...names],
    signal,
    timeoutMs,
    maxOutputBytes,
  });
  return parseEngineImages(stdout);
}

/** @param stdout a JSON object a line; other lines are passed over */
export function parseEngineImages(stdout: string): EngineImage[] {
  return stdout.split("\n").flatMap((text) => line.safeParse(parseJson(text)).data ?? []);
}
