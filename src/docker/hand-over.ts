import type { Host } from "../host/host.ts";
import { untilAborted } from "../run/concurrency.ts";
import type { Emit } from "../run/event.ts";
import { warningOf } from "../run/events/run.ts";
import { Failure } from "../run/failure.ts";
import type { ImageReporter } from "../run/state/images-state.ts";
import { lookAgain, shortId } from "./image-progress.ts";
import {
  type LoopbackRegistry,
  loopbackPortOf,
  openLoopbackRegistry,
  type PartShelf,
} from "./loopback-registry.ts";
import { load, type OfferedImage, pullAs, runDocker } from "./pull-or-load.ts";

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
  readonly reporter: ImageReporter;
  /** What the stack does not wait for is given to Docker after this: unpacking it would slow down its start. */
  readonly laterAfter?: Promise<unknown>;
  /** Hears of an image that Docker has, and whose parts nobody reads any longer. */
  readonly onHanded: (image: HandedImage) => Promise<void>;
}

export interface HandedImage extends OfferedImage {
  /** Digests of what comes of it, or is there: all but the layers that Docker has. */
  readonly coming: ReadonlySet<string>;
  /** By which Docker has all of it under another name; null where it does not. */
  readonly engineId: string | null;
  readonly way: "registry" | "load";
  /** Docker takes it before those that are not. */
  readonly neededForOnline: boolean;
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
   * @throws Failure `docker.disk_full` (exit 7), `docker.image_refused` (exit 4); AbortError
   */
  handed(name: string): Promise<boolean>;
  /** Waits for what is under way, of a run that is not cancelled. Nothing more will come. */
  close(): Promise<void>;
}

const tellMs = 250;

/** Why a part is not waited for any longer. */
class NotComing extends Error {}

export function openHandOver(options: HandOverOptions): HandOver {
  const { host, emit, signal, images, present, reporter, onHanded } = options;
  const parts = new Map(
    images.flatMap((image) => [...image.coming]).map((digest) => [digest, waited()]),
  );
  const verified = new Map(images.map(({ name }) => [name, waited()]));
  for (const digest of present) parts.get(digest)?.resolve();
  let registry: Promise<LoopbackRegistry> | null = null;

  const coming = async (digest: string): Promise<void> => {
    const part = parts.get(digest);
    // A layer that Docker has, as part of another image, and asks for nevertheless.
    if (part === undefined) throw new NotComing();
    await part.promise;
  };
  const shelf: PartShelf = {
    pathOf: options.pathOf,
    has: (digest) => parts.has(digest),
    whenVerified: (digest, stop) => untilAborted(coming(digest), stop),
  };
  const open = (): Promise<LoopbackRegistry> =>
    (registry ??= openLoopbackRegistry({ host, images, shelf, signal }));
  const whole = (image: HandedImage): Promise<unknown> =>
    Promise.all([...image.coming].map((digest) => coming(digest)));

  /**
   * The engine fetches three layers at a time of all that it pulls. So of images that are not whole only the first is pulled:
   * those behind it would keep it waiting for layers that are still on their way. And what the stack does not wait for is unpacked once all
   * that it waits for is.
   */
  async function untilTurn(image: HandedImage, place: number): Promise<void> {
    if (!image.neededForOnline) {
      await untilAborted(Promise.allSettled([...neededHanded(), options.laterAfter]), signal);
    }
    const before = Promise.all(images.slice(0, place).map(whole));
    const layers = image.layers.map(({ digest }) => digest);
    const first = layers.find((digest) => image.coming.has(digest)) ?? image.config.digest;
    await untilAborted(Promise.race([whole(image), before.then(() => coming(first))]), signal);
  }

  const neededHanded = (): Promise<boolean>[] =>
    images.flatMap(({ name, neededForOnline }) => {
      const one = handed.get(name);
      return neededForOnline && one !== undefined ? [one] : [];
    });

  async function handOver(image: HandedImage, place: number): Promise<boolean> {
    const { name, digest } = image;
    try {
      await untilTurn(image, place);
      if (!(await untilGiven(image))) return false;
    } catch (error) {
      if (error instanceof NotComing) return false;
      throw error;
    }
    reporter.ready({ image: name, digest });
    const cleared = clearAway(image);
    cleared.catch(() => {});
    clearing.push(cleared);
    return true;
  }

  /** Once whoever downloaded the image is done with it, too. */
  async function clearAway(image: HandedImage): Promise<void> {
    try {
      await untilAborted(verified.get(image.name)?.promise ?? Promise.resolve(), signal);
      await onHanded(image);
    } catch (error) {
      if (signal.aborted || error instanceof NotComing) return;
      if (!(error instanceof Failure)) throw error;
      emit(warningOf(error));
    }
  }

  async function untilGiven(image: HandedImage): Promise<boolean> {
    if (image.engineId !== null) {
      return (await runDocker(host, ["tag", image.engineId, image.name], { signal })) === null;
    }
    const lost = new AbortController();
    whole(image).catch((error: unknown) => lost.abort(error));
    const stop = AbortSignal.any([signal, lost.signal]);
    const given = new AbortController();
    const ends = AbortSignal.any([stop, given.signal]);
    // What there was no turn for is told although Docker says nothing more.
    void lookAgain(host, { everyMs: tellMs, signal: ends }, () =>
      reporter.tick(host.clock.monotonicMs()),
    );
    try {
      const tally = unpackingTally(image, { host, reporter });
      for (const digest of image.coming)
        coming(digest).then(
          () => tally.verified(digest),
          () => {},
        );
      whole(image).then(tally.downloaded, () => {});
      if (image.way === "registry") {
        const from = (await open()).nameOf(image);
        const pull = { host, emit, signal: stop, image, from, onLine: tally.read };
        if (await pullAs(pull)) {
          tally.pulled();
          return true;
        }
      }
      // What Docker did not take from a registry, it may take from its socket.
      return await load({ host, emit, image, shelf, signal: stop });
    } catch (error) {
      if (lost.signal.aborted && !signal.aborted) throw lost.signal.reason;
      throw error;
    } finally {
      given.abort();
    }
  }

  const clearing: Promise<void>[] = [];
  const handed = new Map<string, Promise<boolean>>();
  for (const [place, image] of images.entries()) handed.set(image.name, handOver(image, place));
  for (const each of handed.values()) each.catch(() => {});

  function downloadEnded(): void {
    for (const each of [...parts.values(), ...verified.values()]) each.reject(new NotComing());
  }

  return {
    partVerified: (digest) => parts.get(digest)?.resolve(),
    imageVerified: (name) => verified.get(name)?.resolve(),
    downloadEnded,
    handed: (name) => handed.get(name) ?? Promise.resolve(false),
    async close() {
      downloadEnded();
      await Promise.allSettled(handed.values());
      await (await registry)?.close();
      await Promise.all(clearing);
    },
  };
}

/** A promise whose end nobody has to be there for. */
function waited(): PromiseWithResolvers<void> {
  const promise = Promise.withResolvers<void>();
  promise.promise.catch(() => {});
  return promise;
}

/** How much of an image is unpacked, by what `docker pull` prints of its layers. Told once all of it is downloaded. */
function unpackingTally(
  { name: image, layers, coming }: HandedImage,
  { host, reporter }: Pick<HandOverOptions, "host" | "reporter">,
) {
  const nowMs = (): number => host.clock.monotonicMs();
  const known = new Map(layers.map((layer) => [shortId(layer.digest), layer]));
  const totalBytes = [...known.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const verifiedMs = new Map<string, number>();
  const unpacked = new Set<string>();
  let isDownloaded = false;

  function tell(): void {
    if (!isDownloaded) return;
    const receivedBytes = [...unpacked].reduce(
      (sum, name) => sum + (known.get(name)?.sizeBytes ?? 0),
      0,
    );
    reporter.note({ image, phase: "unpacking", receivedBytes, totalBytes });
    reporter.tick(nowMs());
  }
  function measure(name: string, wasThere: boolean): void {
    const { digest = "", sizeBytes = 0 } = known.get(name) ?? {};
    if (!coming.has(digest)) return;
    const begunMs = wasThere ? null : (verifiedMs.get(digest) ?? null);
    reporter.unpacked({ image, sizeBytes, verifiedMs: begunMs, nowMs: nowMs() });
  }
  return {
    verified: (digest: string) => void verifiedMs.set(digest, nowMs()),
    downloaded() {
      isDownloaded = true;
      tell();
    },
    /** Where Docker told of no layer, as containerd's store of Docker 26: what it took after the layer that came last is that one's. */
    pulled() {
      const [last] = [...verifiedMs]
        .filter(([digest]) => known.has(shortId(digest)))
        .toSorted(([, one], [, other]) => other - one);
      if (unpacked.size === 0 && last !== undefined) measure(shortId(last[0]), false);
    },
    read(line: string) {
      const [, name, ended] = /^([0-9a-f]{12}): (Pull complete|Already exists)/u.exec(line) ?? [];
      if (name === undefined || unpacked.has(name)) return;
      unpacked.add(name);
      measure(name, ended === "Already exists");
      tell();
    },
  };
}

/** The names that a killed run left in Docker: those whose registry is gone. None where docker does not say. */
export async function findLeftNames(host: Host, signal: AbortSignal): Promise<readonly string[]> {
  const { stdout } = await host.processes.run({
    command: "docker",
    args: ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"],
    timeoutMs: 15_000,
    signal,
  });
  const left: string[] = [];
  for (const name of stdout.split("\n")) {
    const port = loopbackPortOf(name);
    if (port !== null && (await host.network.portIsFree(port))) left.push(name);
  }
  return left;
}

/** Removes them. The images stay where they have another name. */
export async function removeLeftNames(host: Host, signal: AbortSignal): Promise<void> {
  for (const name of await findLeftNames(host, signal)) {
    await host.processes.run({ command: "docker", args: ["rmi", name], timeoutMs: 60_000, signal });
  }
}
