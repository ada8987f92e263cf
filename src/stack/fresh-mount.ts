import { annieService } from "./base-check.ts";
import { runCompose } from "./compose.ts";
import type { Container, ListRequest } from "./containers.ts";

export interface MountRequest extends ListRequest {
  /** The folder that is mounted into Annie's container. */
  readonly cacheDir: string;
  readonly containers: readonly Container[];
}

/**
 * A container keeps the folder that was there when it started: one that was deleted and made anew meanwhile stands empty
 * to it for ever. Whether Annie's has such a one; false where that can't be told.
 */
export async function isMountStale(request: MountRequest): Promise<boolean> {
  const { host, signal, cacheDir, containers } = request;
  const annie = containers.find(({ service, name }) => service === annieService && name !== "");
  const folder = await host.files.stat(cacheDir).catch(() => null);
  if (annie === undefined || annie.state === "exited" || folder === null) return false;
  const { exitCode, stdout } = await host.processes.run({
    command: "docker",
    args: ["inspect", "--type", "container", "--format", "{{.State.StartedAt}}", annie.name],
    timeoutMs: 15_000,
    ...(signal === undefined ? {} : { signal }),
  });
  const startedAtMs = exitCode === 0 ? Date.parse(stdout.trim()) : Number.NaN;
  return folder.birthtimeMs > startedAtMs;
}

/** Starts Annie's container again, which mounts the folder that is there now. */
export async function restartAnnie(request: ListRequest): Promise<void> {
  await runCompose({ ...request, args: ["restart", annieService], timeoutMs: 120_000 });
}
