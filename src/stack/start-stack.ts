import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import { exitCodes, Failure, isAbort } from "../progress/failure.ts";
import { runCompose } from "./compose.ts";
import { composeFailure } from "./compose-errors.ts";
import { imageProgress } from "./compose-progress.ts";
import { containerTeller, listContainers } from "./containers.ts";
import { readStackConfig } from "./stack-config.ts";
import { engineLate, explainStack } from "./watch-containers.ts";

export interface StartStackRequest {
  readonly host: Host;
  readonly stackDir: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** How often containers are looked at while compose works. */
const pollMs = 1500;
/** How often the sizes of images are told. */
const pullTellMs = 1000;

/**
 * `docker compose up -d`: fetches images, starts what does not run, leaves alone what does.
 * Ends when compose has started everything; Annie herself may still be waking.
 * @throws Failure with docker's own reason: exit 4 where the machine lacks something, 5 and 7 for images, else 1
 */
export async function startStack(request: StartStackRequest): Promise<void> {
  const { host, stackDir, emit, signal } = request;
  await requireFolder(request);
  const version = await composeVersion(request);
  const config = await readStackConfig(request);
  const args = [...(speaksJson(version) ? ["--progress", "json"] : []), "up", "-d"];
  emit({ type: "stack.command", command: "docker compose up -d" });

  const readImage = imageProgress(config?.serviceOfImage ?? new Map());
  const toldAtMs = new Map<string, number>();
  const stopPolling = new AbortController();
  const polling = pollContainers(request, AbortSignal.any([signal, stopPolling.signal]));
  try {
    const result = await runCompose({
      host,
      stackDir,
      args,
      signal,
      onLine(line) {
        const event = readImage(line);
        if (event === null) return;
        const nowMs = host.clock.monotonicMs();
        if (nowMs - (toldAtMs.get(event.service) ?? Number.NEGATIVE_INFINITY) < pullTellMs) return;
        toldAtMs.set(event.service, nowMs);
        emit(event);
      },
    });
    if (result.exitCode === 0) {
      containerTeller(emit)((await listContainers({ host, stackDir, signal })).containers);
      return;
    }
    // Where a container is to blame, its own words say more than compose's.
    if (
      /dependency failed to start|is unhealthy|didn't complete successfully/.test(result.stderr)
    ) {
      const failure = await explainStack(request);
      if (failure !== null) throw failure;
    }
    throw composeFailure({ ...result, stackDir });
  } finally {
    stopPolling.abort();
    await polling;
  }
}

/** A command can't be started in a folder that is not there, which would look as if the command were not there. */
async function requireFolder({ host, stackDir }: StartStackRequest): Promise<void> {
  const info = await host.files.stat(stackDir).catch(() => null);
  if (info?.isDirectory() === true) return;
  throw new Failure({
    code: "stack.folder_missing",
    message: `There is no stack in ${stackDir}.`,
    hint: "Run heros setup, which writes it.",
    exitCode: exitCodes.failed,
  });
}

/** The version of the compose plugin; asking it is what tells a missing plugin from everything else. */
async function composeVersion({ host, stackDir, signal }: StartStackRequest): Promise<string> {
  const result = await runCompose({
    host,
    stackDir,
    args: ["version", "--short"],
    signal,
    timeoutMs: 15_000,
  });
  if (result.exitCode === 0) return result.stdout.trim();
  if (result.timedOut) throw engineLate();
  throw composeFailure({ ...result, stackDir });
}

/** `--progress json` is there from 2.29 on; versions may begin with "v" and end with a package's own number. */
function speaksJson(version: string): boolean {
  const match = /^v?(\d+)\.(\d+)/.exec(version);
  const [major, minor] = [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0)];
  return major > 2 || (major === 2 && minor >= 29);
}

async function pollContainers(request: StartStackRequest, signal: AbortSignal): Promise<void> {
  const { host, stackDir, emit } = request;
  const tell = containerTeller(emit);
  try {
    for (;;) {
      await host.clock.sleep(pollMs, signal);
      tell((await listContainers({ host, stackDir, signal })).containers);
    }
  } catch (error) {
    if (!isAbort(error)) throw error;
  }
}
