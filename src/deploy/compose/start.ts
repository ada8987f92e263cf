import { failure } from "../../run/failures/table.ts";
import { composeFailure } from "../../docker/compose-failures.ts";
import {
  type ListRequest,
  runCompose,
  readStackConfig,
  speaksJson,
  type StackConfig,
} from "../../docker/compose.ts";
import {
  askStartedAt,
  type Container,
  containerTeller,
  listContainers,
  type TellContainers,
} from "../../docker/containers.ts";
import { askEnginePlace, engineProblem } from "../../docker/engine.ts";
import {
  imageProgress,
  lookAgain,
  type Silence,
  watchSilence,
} from "../../docker/image-progress.ts";
import type { Host } from "../../host/host.ts";
import type { RunResult } from "../../host/processes.ts";
import type { Emit } from "../../run/event.ts";
import { halfStarted } from "../../run/failures/stack.ts";
import {
  askChosenPort,
  coreCache,
  type CoreOf,
  publishedAddress,
  type StackAddress,
  usualPort,
} from "./core-service.ts";
import { openTokenToReaders } from "./token-mount.ts";
import { explainContainers } from "../../docker/watch-containers.ts";

export interface StartStackRequest {
  readonly host: Host;
  readonly stack: CoreOf;
  readonly stackDir: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** The port that is preferred where compose publishes several. */
  readonly port?: number;
  /** The folder of models that is mounted into the stack's own container. */
  readonly cacheDir?: string;
  /** These, and what they wait for. Left out, all that are not in a profile. */
  readonly services?: readonly string[];
  /** Nothing is started before this ends; what compose is asked before is asked meanwhile. Its error is thrown. */
  readonly after?: Promise<unknown>;
  /** The version of compose, and what it makes of these very files, where it was asked a moment ago. */
  readonly known?: { readonly version: string | null; readonly config: StackConfig | null };
  /** Tells changes of containers; shared with whoever looks at them later. */
  readonly tell?: TellContainers;
}

/** How often containers are looked at while compose works. */
const pollMs = 1500;
/** Of a stack that another compose makes meanwhile. */
const upTries = 5;
/** How often the sizes of images are told. */
const pullTellMs = 1000;

/**
 * `docker compose up -d`: fetches images, starts what does not run, leaves alone what does.
 * Ends when compose has started everything; what runs in it may still be starting.
 * @throws Failure with docker's own reason: exit 4 where the machine lacks something, 5 and 7 for images, else 1;
 * its hint says what runs already
 * @returns where the stack answers, as compose published it; null where it does not say
 */
export async function startStack(request: StartStackRequest): Promise<StackAddress | null> {
  const { host, stack, stackDir, emit, signal, services = [], known } = request;
  const ownService = stack.service ?? "";
  const { tell = containerTeller(emit) } = request;
  request.after?.catch(() => {});
  await requireFolder(request);
  const [version, config] = await Promise.all([
    known?.version ?? composeVersion(request),
    known?.config ?? readStackConfig(request),
  ]);
  await request.after;
  if (config !== null) await openTokenToReaders(request, config);
  const json = speaksJson(version);
  const args = [...(json ? ["--progress", "json"] : []), "up", "-d", ...services];
  emit({ type: "stack.command", command: ["docker compose up -d", ...services].join(" ") });

  const images = imageProgress(config?.serviceOfImage ?? new Map());
  const silence = watchSilence(request, { images, config, tellsBytes: json, ends: json });
  const toldAtMs = new Map<string, number>();
  const stopPolling = new AbortController();
  const polling = pollContainers(
    { ...request, tell },
    silence,
    AbortSignal.any([signal, stopPolling.signal]),
  );
  // A mistake there ends compose, and is told below.
  const mistake = new AbortController();
  polling.catch((error: unknown) => mistake.abort(error));
  const runUp = () =>
    runCompose({
      host,
      stackDir,
      args,
      signal: AbortSignal.any([signal, silence.ended, mistake.signal]),
      onLine(line) {
        silence.broken();
        const event = images.read(line);
        if (event === null) return;
        const nowMs = host.clock.monotonicMs();
        if (nowMs - (toldAtMs.get(event.service) ?? Number.NEGATIVE_INFINITY) < pullTellMs) return;
        toldAtMs.set(event.service, nowMs);
        emit(event);
      },
    });
  try {
    let result = await runUp();
    let listed = await listContainers({ host, stackDir, signal });
    for (let tries = 1; tries < upTries && isOvertaken(result, listed.containers); tries += 1) {
      await host.clock.sleep(pollMs, signal);
      result = await runUp();
      listed = await listContainers({ host, stackDir, signal });
    }
    const { containers, error: engineError } = listed;
    tell(containers);
    if (result.exitCode === 0) {
      await freshenMount(request, containers);
      return await findAddress(request, config);
    }
    const place = await askEnginePlace(host, signal);
    // What looks like a network that failed is an engine that was killed, where it no longer answers.
    if (engineError !== null && engineError !== "late")
      throw engineProblem(engineError, place).failure;
    // Where a container is to blame, its own words say more than compose's.
    if (
      /dependency failed to start|is unhealthy|didn't complete successfully/.test(result.stderr)
    ) {
      const broken = await explainContainers({
        ...request,
        tell,
        service: ownService,
        modelsAt: coreCache(stack),
      });
      if (broken !== null) throw broken;
    }
    const reason = composeFailure({
      ...result,
      stackDir,
      place,
      config,
      ownService,
    });
    const running = containers.filter(({ state }) => state !== "exited" && state !== "created");
    if (running.length === 0) throw reason;
    throw halfStarted(reason, { running: running.map(({ service }) => service), stackDir });
  } catch (error) {
    throw silence.ended.aborted && !signal.aborted ? silence.ended.reason : error;
  } finally {
    stopPolling.abort();
    await polling;
  }
}

/** Another compose makes the same stack at the same moment: what this one could not make is there, and the next try takes it. */
function isOvertaken(
  { exitCode, stderr }: Pick<RunResult, "exitCode" | "stderr">,
  containers: readonly Container[],
): boolean {
  if (exitCode === 0) return false;
  const [, name] = /container name [\\"/]*([\w.-]+)[\\"]* is already in use/iu.exec(stderr) ?? [];
  if (name !== undefined) return containers.some((container) => container.name === name);
  return /network with name \S+ already exists/iu.test(stderr);
}

async function freshenMount(
  request: StartStackRequest,
  containers: readonly Container[],
): Promise<void> {
  const { cacheDir, stack, emit } = request;
  const { service } = stack;
  if (cacheDir === undefined || service === null) return;
  if (!(await isMountStale({ ...request, service, cacheDir, containers }))) return;
  emit({ type: "stack.command", command: `docker compose restart ${service}` });
  await restartService(request, service);
}

async function findAddress(
  request: StartStackRequest,
  config: StackConfig | null,
): Promise<StackAddress | null> {
  if (config === null) return null;
  const { stack } = request;
  const published = publishedAddress(stack, config, request.port ?? usualPort(stack));
  return published === "chosen" ? askChosenPort(stack, request) : published;
}

/** A command can't be started in a folder that is not there, which would look as if the command were not there. */
async function requireFolder({ host, stackDir }: StartStackRequest): Promise<void> {
  const info = await host.files.stat(stackDir).catch(() => null);
  if (info?.isDirectory() === true) return;
  throw failure("stack.folder_missing", { needs: "stack", folder: stackDir });
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
  if (result.timedOut) throw failure("docker.no_answer");
  throw composeFailure({ ...result, stackDir, place: await askEnginePlace(host, signal) });
}

function pollContainers(
  request: StartStackRequest & { readonly tell: TellContainers },
  silence: Silence,
  signal: AbortSignal,
): Promise<void> {
  const { host, stackDir, tell } = request;
  return lookAgain(host, { everyMs: pollMs, signal }, async () => {
    silence.look();
    tell((await listContainers({ host, stackDir, signal })).containers);
  });
}

export interface MountRequest extends ListRequest {
  readonly service: string;
  /** The folder that is mounted into its container. */
  readonly cacheDir: string;
  readonly containers: readonly Container[];
}

/**
 * A container keeps the folder that was there when it started: one that was deleted and made again meanwhile stands empty
 * to it forever. Whether that of a service has such a one; false where that can't be told.
 */
export async function isMountStale(request: MountRequest): Promise<boolean> {
  const { host, service, cacheDir, containers } = request;
  const own = containers.find((each) => each.service === service && each.name !== "");
  const folder = await host.files.stat(cacheDir).catch(() => null);
  if (own === undefined || own.state === "exited" || folder === null) return false;
  const startedAtMs = await askStartedAt(request, own.name);
  return startedAtMs !== null && folder.birthtimeMs > startedAtMs;
}

/** Starts the container of a service again, which mounts the folder that is there now. */
export async function restartService(request: ListRequest, service: string): Promise<void> {
  await runCompose({ ...request, args: ["restart", service], timeoutMs: 120_000 });
}
