import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import { failure } from "../run/failures/table.ts";
import type { ImageTelling } from "../run/images-state.ts";
import { readEngineError } from "./engine.ts";
import {
  type ImageParts,
  type LoopbackRegistry,
  loopbackPortOf,
  openLoopbackRegistry,
  type PartShelf,
} from "./loopback-registry.ts";

export interface HandOverOptions {
  readonly host: Host;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** In the order in which they are downloaded. */
  readonly images: readonly HandedImage[];
  /** Where a part is once it is verified. */
  readonly pathOf: (digest: string) => string;
  /** Digests of parts that are there already. */
  readonly present: ReadonlySet<string>;
  readonly telling: ImageTelling;
  /** Hears of parts that no image needs any longer, for Docker has them all. */
  readonly release: (digests: readonly string[]) => Promise<void>;
}

export interface HandedImage extends ImageParts {
  /** That the compose file asks for; null where it is the engine's own. */
  readonly platform: string | null;
}

/** Gives images to Docker as their parts are verified. Nothing of it is started before the first part is there. */
export interface HandOver {
  /** A layer or a configuration is in its place. */
  partVerified(digest: string): void;
  /** All of an image is there, and whoever downloaded it is done with it. */
  imageVerified(name: string): void;
  /** Nothing more will come. */
  downloadEnded(): void;
  /**
   * Ends once Docker has the image by its name, or can't be given it: false, and Docker has to pull it itself.
   * @throws Failure `docker.disk_full` (exit 7); AbortError
   */
  handed(name: string): Promise<boolean>;
  /** After the end of all images. */
  close(): Promise<void>;
}

/** Why a part is not waited for any longer. */
class NotComing extends Error {}

export function openHandOver(options: HandOverOptions): HandOver {
  const { host, emit, images, present, telling, release } = options;
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  const parts = new Map(
    images.flatMap((image) => partsOf(image)).map((digest) => [digest, waited()]),
  );
  const verified = new Map(images.map(({ name }) => [name, waited()]));
  for (const digest of present) parts.get(digest)?.resolve();
  let registry: Promise<LoopbackRegistry> | null = null;

  const coming = async (digest: string): Promise<void> => parts.get(digest)?.promise;
  const shelf: PartShelf = {
    pathOf: options.pathOf,
    whenVerified: (digest, stop) => untilAborted(coming(digest), stop),
  };
  const open = (): Promise<LoopbackRegistry> =>
    (registry ??= openLoopbackRegistry({ host, images, shelf, signal }));
  const whole = (image: HandedImage): Promise<unknown> =>
    Promise.all(partsOf(image).map((digest) => coming(digest)));

  /**
   * The engine fetches three layers at a time of all that it pulls. So of images that are not whole only the first is pulled:
   * those behind it would keep it waiting for layers that are still on their way.
   */
  async function untilTurn(image: HandedImage, place: number): Promise<void> {
    const before = Promise.all(images.slice(0, place).map(whole));
    const [first = image.config.digest] = image.layers.map(({ digest }) => digest);
    await untilAborted(Promise.race([whole(image), before.then(() => coming(first))]), signal);
  }

  async function handOver(image: HandedImage, place: number): Promise<boolean> {
    const { name, digest } = image;
    try {
      await untilTurn(image, place);
      if (!(await untilGiven(image))) return false;
    } catch (error) {
      if (error instanceof NotComing) return false;
      throw error;
    }
    emit({ type: "image.ready", image: name, digest });
    await verified.get(name)?.promise;
    taken.add(image);
    const left = new Set(images.filter((each) => !taken.has(each)).flatMap(partsOf));
    await release(partsOf(image).filter((part) => !left.has(part)));
    return true;
  }

  async function untilGiven(image: HandedImage): Promise<boolean> {
    const lost = new AbortController();
    whole(image).catch((error: unknown) => lost.abort(error));
    const stop = AbortSignal.any([signal, lost.signal]);
    try {
      const from = (await open()).nameOf(image);
      const tally = unpackingTally(image, { host, telling });
      whole(image).then(tally.downloaded, () => {});
      return await pullAs({ host, signal: stop, image, from, onLine: tally.read });
    } catch (error) {
      if (lost.signal.aborted && !signal.aborted) throw lost.signal.reason;
      throw error;
    }
  }

  const taken = new Set<HandedImage>();
  const handed = new Map(images.map((image, place) => [image.name, handOver(image, place)]));
  for (const each of handed.values()) each.catch(() => {});

  return {
    partVerified: (digest) => parts.get(digest)?.resolve(),
    imageVerified: (name) => verified.get(name)?.resolve(),
    downloadEnded() {
      for (const each of [...parts.values(), ...verified.values()]) each.reject(new NotComing());
    },
    handed: (name) => handed.get(name) ?? Promise.resolve(false),
    async close() {
      closing.abort();
      await Promise.allSettled(handed.values());
      await (await registry)?.close();
    },
  };
}

function partsOf({ config, layers }: ImageParts): string[] {
  return [...new Set([config, ...layers].map(({ digest }) => digest))];
}

/** A promise whose end nobody has to be there for. */
function waited(): PromiseWithResolvers<void> {
  const promise = Promise.withResolvers<void>();
  promise.promise.catch(() => {});
  return promise;
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

interface Pull {
  readonly host: Host;
  readonly signal: AbortSignal;
  readonly image: HandedImage;
  /** By which it is pulled. */
  readonly from: string;
  readonly onLine: (line: string) => void;
}

/** An engine that is restarted, or that was busy with a pull which somebody cancelled, does better at a later try. */
const pullTries = 3;
const betweenTriesMs = 1000;
/** An engine that is started again is back within this time. */
const engineBackMs = 60_000;

/** Pulls an image by one name, and gives it another one in its place. @returns false where Docker can't */
async function pullAs(pull: Pull): Promise<boolean> {
  const { host, signal, image, from, onLine } = pull;
  // Signatures are asked of the registry that the image comes from, and this one has none.
  const env = { DOCKER_CONTENT_TRUST: "0" };
  const platform = image.platform === null ? [] : ["--platform", image.platform];
  const commands = [
    ["pull", ...platform, from],
    ["tag", from, image.name],
  ];
  const tryOnce = async (): Promise<string | null> => {
    for (const args of commands) {
      const { exitCode, stderr } = await host.processes.run({
        command: "docker",
        args,
        env,
        signal,
        onLine,
      });
      if (exitCode !== 0) return stderr;
    }
    return null;
  };
  for (let tries = 1; ; tries += 1) {
    const said = await tryOnce();
    if (said === null) break;
    if (/no space left on device|disk quota exceeded/iu.test(said)) {
      throw failure("docker.disk_full", { said: said.trim() });
    }
    if (tries === pullTries) return false;
    await host.clock.sleep(betweenTriesMs, signal);
    if (readEngineError(said) !== null) await untilEngineBack(host, signal);
  }
  await host.processes.run({ command: "docker", args: ["rmi", from], env, signal });
  return true;
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

/** How much of an image is unpacked, by what `docker pull` prints of its layers. Told once all of it is downloaded. */
function unpackingTally(
  { name: image, layers }: ImageParts,
  { host, telling }: Pick<HandOverOptions, "host" | "telling">,
) {
  const sizes = new Map(
    layers.map(({ digest, sizeBytes }) => [digest.slice("sha256:".length).slice(0, 12), sizeBytes]),
  );
  const totalBytes = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const unpacked = new Set<string>();
  let isDownloaded = false;

  function tell(): void {
    if (!isDownloaded) return;
    const receivedBytes = [...unpacked].reduce((sum, layer) => sum + (sizes.get(layer) ?? 0), 0);
    telling.note({ image, phase: "unpacking", receivedBytes, totalBytes });
    telling.tick(host.clock.monotonicMs());
  }
  return {
    downloaded() {
      isDownloaded = true;
      tell();
    },
    read(line: string) {
      const layer = /^([0-9a-f]{12}): (?:Pull complete|Already exists)/u.exec(line)?.[1];
      if (layer === undefined) return;
      unpacked.add(layer);
      tell();
    },
  };
}

/** Removes the names that a killed run left in Docker: those whose registry is gone. */
export async function removeLeftNames(host: Host, signal: AbortSignal): Promise<void> {
  const { stdout } = await host.processes.run({
    command: "docker",
    args: ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"],
    timeoutMs: 15_000,
    signal,
  });
  for (const name of stdout.split("\n")) {
    const port = loopbackPortOf(name);
    if (port === null || !(await host.network.portIsFree(port))) continue;
    await host.processes.run({ command: "docker", args: ["rmi", name], timeoutMs: 60_000, signal });
  }
}
