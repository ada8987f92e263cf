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
  /** Whom its programs run as: a number or a name, with or without a group; empty for root. */
  readonly user: string;
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
  user: z
    .string()
    .nullish()
    .transform((user) => user ?? ""),
});
const format = `{"id":{{json .Id}},"labels":{{json .Config.Labels}},"environment":{{json .Config.Env}},"user":{{json .Config.User}}}`;

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
  request: ImageRequest,
  paths: readonly string[],
): Promise<readonly string[]> {
  const files = await copyFromImage(request, paths);
  return [...files.keys()];
}

/** The number of a user whom an image knows by name; null where it does not, or Docker does not say. */
export async function findUserInImage(request: ImageRequest, name: string): Promise<number | null> {
  const place = "/etc/passwd";
  const text = (await copyFromImage(request, [place])).get(place) ?? "";
  // It comes as an archive of one file, whose lines stand in it as they are.
  const fields = text.split("\n").map((line) => line.replace(/^.*\0/, "").split(":"));
  const uid = fields.find(([each]) => each === name)?.[2] ?? "";
  return /^\d+$/.test(uid) ? Number(uid) : null;
}

/** What is there of these files, each as an archive. */
async function copyFromImage(
  { host, image, signal }: ImageRequest,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const docker = (...args: readonly string[]) =>
    host.processes.run({ command: "docker", args, signal, timeoutMs });
  const made = await docker("create", "--pull", "never", "--network", "none", image, "none");
  const id = made.stdout.trim();
  if (made.exitCode !== 0 || !/^[0-9a-f]{12,64}$/.test(id)) return new Map();
  try {
    const found = new Map<string, string>();
    for (const path of paths) {
      const { exitCode, stdout } = await docker("cp", "--follow-link", `${id}:${path}`, "-");
      if (exitCode === 0) found.set(path, stdout);
    }
    return found;
  } finally {
    // Whatever stopped the search, its container does not stay.
    const args = ["rm", "--force", "--volumes", id];
    await host.processes.run({ command: "docker", args, timeoutMs });
  }
}
