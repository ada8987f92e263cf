import type { Host } from "../host/host.ts";
import type { RunRequest } from "../host/processes.ts";
import type { Emit, HerosEvent } from "../run/event.ts";
import type { FailureCode } from "../run/failures/table.ts";
import { imageIdOf } from "../run/repos/file-listing.ts";
import { composeFailure } from "./compose-failures.ts";
import { readEngineError } from "./engine.ts";
import { loadArchive, type LoadArchiveOptions } from "./load-archive.ts";

/** An image that Docker is to take. */
export type OfferedImage = LoadArchiveOptions["image"] & {
  /** That the compose file asks for; null where it is the engine's own. */
  readonly platform: string | null;
};

interface Pull {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly image: OfferedImage;
  /** By which it is pulled. */
  readonly from: string;
  readonly onLine: (line: string) => void;
}
type Offer = Pick<Pull, "host" | "emit" | "signal" | "image">;

/** An engine that is restarted, or that was busy with a pull which somebody cancelled, does better at a later try. */
const maxTries = 3;
const betweenTriesMs = 1000;
/** An engine that is busy for longer keeps the name until the next run. */
const removeLimitMs = 10_000;
/** An engine that is started again is back within this time. */
const engineBackMs = 60_000;

/**
 * Pulls an image by one name, and gives it another one in its place.
 * @returns false where Docker can't. @throws Failure where it never will: its disk is full, or it is no image for it
 */
export async function pullAs({ host, emit, signal, image, from, onLine }: Pull): Promise<boolean> {
  const platform = image.platform === null ? [] : ["--platform", image.platform];
  const offer = { host, emit, signal, image };
  try {
    return await untilTaken(offer, {
      tryOnce: async () =>
        (await pullOnce(host, { args: ["pull", ...platform, from], signal, onLine })) ??
        (await runDocker(host, ["tag", from, image.name], { signal })),
      final: ["docker.disk_full", "docker.image_refused"],
    });
  } finally {
    // Of a run that is cancelled, too: nothing else would tell the person where the name is from.
    await runDocker(host, ["rmi", from], { timeoutMs: removeLimitMs });
  }
}

/**
 * An engine fetches a layer once for all who pull it: from the registry of whoever asked first, and goes on asking that one for more
 * than a minute after it is gone with its heros. Whoever leaves and asks again has it fetched from its own.
 */
async function pullOnce(
  host: Host,
  { args, signal, onLine }: Pick<Pull, "signal" | "onLine"> & { readonly args: readonly string[] },
): Promise<string | null> {
  const leave = new AbortController();
  try {
    return await runDocker(host, args, {
      signal: AbortSignal.any([signal, leave.signal]),
      onLine(line) {
        if (/^[0-9a-f]{12}: Retrying in \d+ seconds?/u.test(line)) leave.abort();
        onLine(line);
      },
    });
  } catch (error) {
    if (leave.signal.aborted && !signal.aborted) return "the registry of a layer is gone";
    throw error;
  }
}

interface Taking {
  /** @returns what docker says where it fails; null where it does not */
  readonly tryOnce: () => Promise<string | null>;
  /** Failures that no other way leads around: they are thrown. */
  readonly final: readonly FailureCode[];
  /** What docker says where a later try may do better; an engine that is gone is always waited for. Default: anything. */
  readonly passing?: RegExp;
}

/** @returns false where Docker does not take the image */
async function untilTaken(
  { host, emit, signal, image }: Offer,
  { tryOnce, final, passing }: Taking,
): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    const said = await tryOnce();
    if (said === null) return true;
    throwIfFinal(said, { image, host, codes: final });
    const isGone = readEngineError(said) !== null;
    const mayPass = isGone || passing?.test(said) !== false;
    if (tries === maxTries || !mayPass) return false;
    if (isGone) emit(goneNote(image.name, tries));
    await host.clock.sleep(betweenTriesMs, signal);
    if (isGone) await untilEngineBack(host, signal);
  }
}

function goneNote(image: string, attempt: number): HerosEvent {
  return {
    type: "download.retrying",
    image,
    repo: imageIdOf(image),
    path: image,
    reason: "Docker is not responding",
    attempt,
    delayMs: betweenTriesMs,
    scope: "file",
  };
}

/** @returns false where Docker can't take it. @throws Failure `docker.disk_full` */
export function load({
  shelf,
  ...offer
}: Offer & Pick<LoadArchiveOptions, "shelf">): Promise<boolean> {
  const { host, signal } = offer;
  return untilTaken(offer, {
    tryOnce: () =>
      runDocker(host, ["load", "--quiet"], { signal, input: loadArchive({ ...offer, shelf }) }),
    // What it does not unpack of an archive, it may unpack of what it pulls.
    final: ["docker.disk_full"],
    passing: /\bEOF\b|broken pipe|connection reset/iu,
  });
}

/** @throws Failure where what docker says is one of these, and no other way leads further */
function throwIfFinal(
  stderr: string,
  { image, host, codes }: Pick<Pull, "host" | "image"> & { readonly codes: Taking["final"] },
): void {
  const known = { missing: false, exitCode: 1, stackDir: host.cwd, image: image.name };
  const failed = composeFailure({ ...known, stderr });
  if (codes.some((code) => code === failed.code)) throw failed;
}

/** @returns what docker says where it fails; null where it does not */
export async function runDocker(
  host: Pick<Host, "processes">,
  args: readonly string[],
  more: Pick<RunRequest, "input" | "onLine" | "signal" | "timeoutMs">,
): Promise<string | null> {
  // Signatures are asked of the registry that an image comes from, and ours has none.
  const env = { DOCKER_CONTENT_TRUST: "0" };
  // An engine goes on with the pull of a command that nobody waits for, and lets who asks for the same layers wait with it.
  const request = { command: "docker", args, env, endsWithHeros: true, ...more };
  const { exitCode, stderr } = await host.processes.run(request);
  return exitCode === 0 ? null : stderr;
}

async function untilEngineBack(host: Host, signal: AbortSignal): Promise<void> {
  const { clock, processes } = host;
  const startMs = clock.monotonicMs();
  while (clock.monotonicMs() - startMs < engineBackMs) {
    const asked = { command: "docker", args: ["version"], timeoutMs: 10_000, signal };
    if ((await processes.run(asked)).exitCode === 0) return;
    await clock.sleep(betweenTriesMs, signal);
  }
}
