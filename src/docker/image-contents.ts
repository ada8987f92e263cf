import { z } from "zod";
import type { Host } from "../host/host.ts";
import { parseJson } from "../run/json.ts";

interface ImageRequest {
  readonly host: Pick<Host, "processes">;
  readonly image: string;
  readonly signal: AbortSignal;
}

/** What an image's configuration says beside what it is made of. */
export interface ImageSettings {
  /** Left out where Docker does not say. */
  readonly id?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `NAME=value` */
  readonly environment: readonly string[];
}

const timeoutMs = 10_000;
const settings = z.object({
  id: z.string().exactOptional(),
  labels: z
    .record(z.string(), z.string())
    .nullish()
    .transform((labels) => labels ?? {}),
  environment: z
    .array(z.string())
    .nullish()
    .transform((lines) => lines ?? []),
});
const format = `{"id":{{json .Id}},"labels":{{json .Config.Labels}},"environment":{{json .Config.Env}}}`;

/** Of an image that Docker has; null where it does not have it, or does not say. @throws AbortError */
export async function readImageSettings({
  host,
  image,
  signal,
}: ImageRequest): Promise<ImageSettings | null> {
  if (image.startsWith("-")) return null;
  const args = ["image", "inspect", "--format", format, image];
  const { exitCode, stdout } = await host.processes.run({
    command: "docker",
    args,
    signal,
    timeoutMs,
  });
  return exitCode === 0 ? (settings.safeParse(parseJson(stdout)).data ?? null) : null;
}

/**
 * Which of these files are in an image that Docker has. A container is made of it, and removed again; none of its programs runs.
 * @param paths absolute, of small files: each is read. @returns none where Docker does not say in time
 */
export async function findInImage(
  { host, image, signal }: ImageRequest,
  paths: readonly string[],
): Promise<readonly string[]> {
  const docker = (...args: readonly string[]) =>
    host.processes.run({ command: "docker", args, signal, timeoutMs });
  const made = await docker("create", "--pull", "never", "--network", "none", image, "none");
  const id = made.stdout.trim();
  if (made.exitCode !== 0 || !/^[0-9a-f]{12,64}$/.test(id)) return [];
  try {
    const found: string[] = [];
    for (const path of paths) {
      if ((await docker("cp", "--follow-link", `${id}:${path}`, "-")).exitCode === 0) {
        found.push(path);
      }
    }
    return found;
  } finally {
    // Whatever stopped the search, its container does not stay.
    const args = ["rm", "--force", "--volumes", id];
    await host.processes.run({ command: "docker", args, timeoutMs });
  }
}
