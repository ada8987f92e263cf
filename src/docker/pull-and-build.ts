import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { imageIdOf } from "../run/repos/file-listing.ts";
import type { ImageReporter } from "../run/state/images-state.ts";
import { composeFailure } from "./compose-failures.ts";
import {
  askCompose,
  readStackConfig,
  runCompose,
  speaksJson,
  type StackConfig,
} from "./compose.ts";
import { findEngineImage } from "./engine-images.ts";
import {
  lookAgain,
  type PulledSizes,
  type PullTally,
  pullTally,
  watchSilence,
} from "./image-progress.ts";

export interface DockerPullsOptions {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly reporter: ImageReporter;
  /** Whose services compose pulls; null where there is none: then docker does, by their images' names. */
  readonly stackDir: string | null;
  readonly config: StackConfig;
}

/** An image that only Docker itself can fetch. */
export interface PulledImage extends PulledSizes {
  readonly services: readonly string[];
}

/** Pulls by Docker itself. */
export interface DockerPulls {
  /**
   * Has Docker pull an image once those asked for before are pulled. A pull that fails is tried again where a later one may do
   * better; one that is silent is told, and never ended.
   * @throws Failure of docker (1, 4, 5, 7); AbortError
   */
  pull(image: PulledImage): Promise<void>;
}

export function openDockerPulls(options: DockerPullsOptions): DockerPulls {
  let last: Promise<unknown> = Promise.resolve();
  let stack: Promise<StackConfig | null> | null = null;

  async function pullAfter(before: Promise<unknown>, image: PulledImage): Promise<void> {
    await before;
    const known = await (stack ??= readPulledStack(options));
    const [service = ""] = image.services;
    const byCompose = known?.imageOfService.get(service) === image.image;
    await pullOne(options, image, byCompose);
  }

  return {
    pull(image) {
      const pulled = pullAfter(last, image);
      last = pulled.catch(() => {});
      return pulled;
    },
  };
}

/** The stack whose services compose can pull and tell of; null where docker does. */
async function readPulledStack(options: DockerPullsOptions): Promise<StackConfig | null> {
  const { host, signal, stackDir } = options;
  if (stackDir === null) return null;
  const answer = await askCompose({ host, signal, limitMs: 15_000 });
  // What `docker pull` prints tells at least which layers are there; what an older compose prints, nothing.
  const tells = answer.state === "there" && speaksJson(answer.version);
  return tells ? readStackConfig({ host, stackDir, signal }) : null;
}

/** Waits before the tries after the first. A try that brought a layer more is the first again. */
const waitsMs = [500, 2000, 5000, 10_000, 20_000];

async function pullOne(
  options: DockerPullsOptions,
  image: PulledImage,
  byCompose: boolean,
): Promise<void> {
  const { host, emit, signal, reporter } = options;
  const tally = pullTally(image);
  let [attempt, layersBefore] = [1, 0];
  for (;;) {
    const failed = await tryPull(options, { image, byCompose, tally });
    if (failed === null) break;
    const layers = tally.layersDone();
    if (layers > layersBefore) [attempt, layersBefore] = [1, layers];
    const delayMs = mayPass(failed) ? waitsMs[attempt - 1] : undefined;
    if (delayMs === undefined) throw failed;
    emit({
      type: "download.retrying",
      image: image.image,
      repo: imageIdOf(image.image),
      path: image.image,
      reason: reasonOf(failed),
      attempt,
      delayMs,
      scope: "file",
    });
    await host.clock.sleep(delayMs, signal);
    attempt += 1;
  }
  const found = await findEngineImage({ host, signal }, image.image);
  const digest = found?.namesByDigest[0]?.split("@")[1] ?? found?.id ?? "";
  reporter.ready({ image: image.image, digest });
}

interface OnePull {
  readonly image: PulledImage;
  readonly byCompose: boolean;
  readonly tally: PullTally;
}

/** How often it is looked whether Docker says anything. */
const lookMs = 1500;

/** @returns why it failed; null where Docker has the image now. @throws AbortError */
async function tryPull(
  { host, emit, signal, reporter, stackDir, config }: DockerPullsOptions,
  { image, byCompose, tally }: OnePull,
): Promise<Failure | null> {
  const [service = ""] = image.services;
  const silence = watchSilence(
    { host, emit },
    { images: { pending: () => [service] }, config, tellsBytes: byCompose, ends: false },
  );
  const onLine = (line: string): void => {
    if (silence.broken()) emit({ type: "container.changed", service, state: "pulling" });
    const progress = tally.read(line);
    if (progress === null) return;
    reporter.note(progress);
    reporter.tick(host.clock.monotonicMs());
  };
  const ended = new AbortController();
  const watching = lookAgain(
    host,
    { everyMs: lookMs, signal: AbortSignal.any([signal, ended.signal]) },
    () => {
      silence.look();
      reporter.tick(host.clock.monotonicMs());
    },
  );
  try {
    const args = pullArguments({ image, service, config, byCompose });
    emit({ type: "stack.command", command: `docker ${args.filter(isTyped).join(" ")}` });
    const result =
      byCompose && stackDir !== null
        ? await runCompose({ host, stackDir, args: args.slice(1), signal, onLine })
        : await host.processes.run({ command: "docker", args, signal, onLine });
    if (result.exitCode === 0) return null;
    const asked = { stackDir: stackDir ?? host.cwd, config, image: image.image };
    return composeFailure({ ...result, ...asked });
  } finally {
    ended.abort();
    await watching;
  }
}

function pullArguments({
  image: { image },
  service,
  config,
  byCompose,
}: Pick<OnePull, "image" | "byCompose"> & {
  readonly service: string;
  readonly config: StackConfig;
}): readonly string[] {
  if (byCompose) return ["compose", "--progress", "json", "pull", service];
  const platform = config.services[service]?.platform;
  return ["pull", ...(platform === undefined ? [] : ["--platform", platform]), image];
}

/** What a person would type. */
function isTyped(argument: string): boolean {
  return argument !== "--progress" && argument !== "json";
}

/** What a later try may not end with: a network or a registry that fails, an engine that is restarted, a layer that came damaged. */
function mayPass({ code, message }: Failure): boolean {
  if (/^docker\.(?:pull_network|registry_error|daemon_down)$/u.test(code)) return true;
  return code === "stack.compose_failed" && passingWords.test(message);
}

const passingWords =
  /stream error|GOAWAY|timed out|short read|verification failed|unexpected commit (?:digest|size)/iu;

/** In few words, beside the image's name. */
function reasonOf({ code }: Failure): string {
  switch (code) {
    case "docker.pull_network":
      return "Docker can't reach the registry";
    case "docker.registry_error":
      return "the registry has a server error";
    case "docker.daemon_down":
      return "Docker is not responding";
    default:
      return "Docker's download was damaged";
  }
}

/** A service whose image the stack builds. */
export interface BuiltService {
  readonly service: string;
  /** As docker knows it, once it is built. */
  readonly image: string;
  /** The compose file names the image: compose looks for it at its registry before it builds. */
  readonly isNamed: boolean;
}

/** Those whose image is to be built, as compose would on `up`: where Docker lacks it, or each time. @throws AbortError */
export async function findServicesToBuild(
  { host, signal }: Pick<DockerPullsOptions, "host" | "signal">,
  { name: project, services }: StackConfig,
): Promise<BuiltService[]> {
  const wanted = Object.entries(services).flatMap(([service, { image, build, pull_policy }]) => {
    const isBuilt = build !== undefined && build !== null && pull_policy !== "never";
    if (!isBuilt || (image === undefined && project === null)) return [];
    const isNamed = image !== undefined && pull_policy !== "build";
    const always = pull_policy === "build";
    return [{ always, built: { service, image: image ?? `${project}-${service}`, isNamed } }];
  });
  const found = await Promise.all(
    wanted.map(async ({ always, built }) => {
      const isThere = !always && (await findEngineImage({ host, signal }, built.image)) !== null;
      return isThere ? [] : [built];
    }),
  );
  return found.flat();
}

export interface DockerBuildsOptions extends Pick<DockerPullsOptions, "host" | "emit" | "signal"> {
  readonly stackDir: string;
  readonly config: StackConfig;
}

/** Builds the image of a service, if its registry does not have it. @throws Failure `stack.build_failed` (1), or of docker (1, 4, 7); AbortError */
export async function buildByCompose(
  { host, emit, signal, stackDir, config }: DockerBuildsOptions,
  { service, image, isNamed }: BuiltService,
): Promise<void> {
  if (isNamed) {
    const args = ["pull", service];
    emit({ type: "stack.command", command: `docker compose ${args.join(" ")}` });
    await runCompose({ host, stackDir, args, signal });
    if ((await findEngineImage({ host, signal }, image)) !== null) return;
  }
  emit({ type: "stack.command", command: `docker compose build ${service}` });
  emit({ type: "container.changed", service, state: "building" });
  const said: string[] = [];
  let told = "";
  const result = await runCompose({
    host,
    stackDir,
    args: ["build", service],
    signal,
    onLine(line) {
      said.push(line.trim());
      if (said.length > keptLines) said.shift();
      const [step, steps] = buildStep(line);
      if (step === undefined || steps === undefined || told === `${step}/${steps}`) return;
      told = `${step}/${steps}`;
      emit({ type: "container.changed", service, state: "building", step, steps });
    },
  });
  if (result.exitCode === 0) {
    emit({ type: "container.changed", service, state: "built" });
    return;
  }
  const known = composeFailure({ ...result, stackDir, config });
  const ofMachine = /^docker\.(?:disk_full|daemon_down|no_permission|context_broken)$/u;
  if (result.missing || ofMachine.test(known.code)) throw known;
  const lines = said
    .filter((line) => /[a-z]/iu.test(line) && !/^time="[^"]*" level=warning /u.test(line))
    .slice(-shownLines);
  throw failure("stack.build_failed", { service, stackDir, lines }, known.cause);
}

const keptLines = 40;
const shownLines = 6;

/** Which step of how many begins: "#6 [core build 2/4] RUN …" of BuildKit, "Step 2/4 : RUN …" of the builder before it. */
function buildStep(line: string): readonly number[] {
  const [, ...numbers] =
    /^(?:#\d+ \[(?:[^\]]* )?|Step )(\d+)\/(\d+)(?:\]| :)/u.exec(line.trim()) ?? [];
  return numbers.map(Number);
}
