import { z } from "zod";
import type { StackConfig } from "./compose.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { ImageProgress as ImageTold } from "../run/events/download.ts";
import type { ContainerChanged } from "../run/events/stack.ts";
import { type Failure, isAbort } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { registryOf } from "./compose-failures.ts";
import { parseJson } from "../run/json.ts";

const message = z.object({
  id: z.string().optional(),
  parent_id: z.string().optional(),
  text: z.string().optional(),
  status: z.string().optional(),
  current: z.number().optional(),
  total: z.number().optional(),
});

interface Layer {
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

export interface ImageProgress {
  /** Reads one line of compose's stderr; an event where it tells of an image that is being fetched. */
  read(line: string): ContainerChanged | null;
  /** Services whose images are still being fetched. */
  pending(): readonly string[];
}

/**
 * Reads what `docker compose up` says of images: the JSON lines of compose 2.29 and later, whose fields moved between
 * versions, or the plain lines of those before. Stray text is passed over. Containers are asked after with `ps`.
 */
export function imageProgress(serviceOfImage: ReadonlyMap<string, string>): ImageProgress {
  const pending = new Set<string>();
  const layers = new Map<string, Map<string, Layer>>();
  const services = new Set(serviceOfImage.values());

  function serviceNamed(id: string): string | undefined {
    return services.has(id) ? id : serviceOfImage.get(id.replace(/^Image /, ""));
  }

  function pulling(id: string, progress: Layer | null = null): ContainerChanged | null {
    const service = serviceNamed(id);
    if (service === undefined) return null;
    pending.add(service);
    return { type: "container.changed", service, state: "pulling", ...progress };
  }

  /** Layers are told of twice, for fetching and for unpacking; what was reached counts. */
  function countLayer(parent: string, id: string, received: number, total: number): Layer {
    const known = layers.get(parent) ?? new Map<string, Layer>();
    layers.set(parent, known);
    const before = known.get(id) ?? { receivedBytes: 0, totalBytes: 0 };
    known.set(id, {
      receivedBytes: Math.max(before.receivedBytes, received),
      totalBytes: Math.max(before.totalBytes, total),
    });
    const sum = (pick: (layer: Layer) => number) =>
      [...known.values()].reduce((all, layer) => all + pick(layer), 0);
    return {
      receivedBytes: sum((layer) => layer.receivedBytes),
      totalBytes: sum((layer) => layer.totalBytes),
    };
  }

  /** Fetched, given up, or busy with something later. */
  function done(id: string): null {
    const service = serviceNamed(id);
    if (service !== undefined) pending.delete(service);
    return null;
  }

  function read(line: string): ContainerChanged | null {
    const parsed = readMessage(line);
    if (parsed === null) {
      const [, plain = "", word] =
        /^\s*(?:Image )?(\S+)\s+(Pulling|Pulled|Error|Interrupted)\b/.exec(line) ?? [];
      if (word === undefined) return null;
      return word === "Pulling" ? pulling(plain) : done(plain);
    }
    const { id = "", parent_id: parent = "", text, status, current = 0, total = 0 } = parsed;
    if (parent !== "") {
      return total > 0 ? pulling(parent, countLayer(parent, id, current, total)) : null;
    }
    if (text === "Pulling" || status === "Pulling") return pulling(id);
    return /^(?:Pulled|Error|Interrupted)$/.test(text ?? status ?? "") ? done(id) : null;
  }

  return { read, pending: () => [...pending] };
}

function readMessage(line: string): z.output<typeof message> | null {
  if (!line.trimStart().startsWith("{")) return null;
  return message.safeParse(parseJson(line)).data ?? null;
}

/** An image that Docker pulls itself. */
export interface PulledSizes {
  readonly image: string;
  /** Of each layer by its digest, as the registry has it; null where it did not say. */
  readonly layers: ReadonlyMap<string, number> | null;
  /** Of all of the image, and of what Docker had of it: as it was planned. */
  readonly totalBytes: number;
  readonly cachedBytes: number;
}

export interface PullTally {
  /** Reads one line of the pull; how far it is where that is news. */
  read(line: string): Omit<ImageTold, "type"> | null;
  /** How many layers need not be fetched again. */
  layersDone(): number;
}

interface PulledLayer {
  receivedBytes: number;
  /** Null until it is told. */
  totalBytes: number | null;
  unpackedBytes: number;
  isDownloaded: boolean;
  isUnpacked: boolean;
  /** Docker had it. */
  wasThere: boolean;
}

/**
 * How far a pull of one image is, by what `docker compose --progress json pull` or `docker pull` prints of its layers. A layer
 * that is begun again counts with what it had reached. Without sizes from the registry no total is told before that of each
 * layer is known, and no part of it that is less than what was told before.
 */
export function pullTally({ image, layers, ...planned }: PulledSizes): PullTally {
  const sizes =
    layers === null ? null : new Map([...layers].map(([digest, size]) => [shortId(digest), size]));
  const seen = new Map<string, PulledLayer>();
  let isUnpacking = false;
  let toldShare = 0;

  function layerOf(id: string): PulledLayer {
    const begun = { isDownloaded: false, isUnpacked: false, wasThere: false };
    const nothing = { receivedBytes: 0, unpackedBytes: 0, totalBytes: sizes?.get(id) ?? null };
    const layer = seen.get(id) ?? { ...begun, ...nothing };
    seen.set(id, layer);
    return layer;
  }
  const sum = (bytesOf: (layer: PulledLayer) => number): number =>
    [...seen.values()].reduce((bytes, layer) => bytes + bytesOf(layer), 0);
  /** Layers that Docker had, and that containerd's store does not mention. */
  function unmentionedBytes(): number {
    const mentioned = sum((layer) => (layer.wasThere ? whole(layer) : 0));
    const left = [...(sizes ?? [])].filter(([id]) => !seen.has(id));
    const leftBytes = left.reduce((bytes, [, size]) => bytes + size, 0);
    return Math.min(leftBytes, Math.max(0, planned.cachedBytes - mentioned));
  }
  function isAllDownloaded(): boolean {
    const left = [...(sizes ?? [])].filter(([id]) => !seen.has(id));
    const leftBytes = left.reduce((bytes, [, size]) => bytes + size, 0);
    const isMentioned = seen.size > 0 && leftBytes <= unmentionedBytes();
    return isMentioned && [...seen.values()].every((layer) => layer.isDownloaded);
  }

  function total(): number | null {
    if (sizes !== null) return planned.totalBytes;
    const isKnown = [...seen.values()].every(
      (each) => each.totalBytes !== null || each.isDownloaded,
    );
    return isKnown ? sum((layer) => layer.totalBytes ?? 0) : null;
  }

  function progress(): Omit<ImageTold, "type"> | null {
    isUnpacking ||= isAllDownloaded();
    const totalBytes = total();
    if (isUnpacking) {
      const isAll = [...seen.values()].every((layer) => layer.isUnpacked);
      const unpacked = sum((layer) => (layer.isUnpacked ? whole(layer) : layer.unpackedBytes));
      const receivedBytes = isAll ? (totalBytes ?? 0) : unpacked + unmentionedBytes();
      return { image, phase: "unpacking", receivedBytes, totalBytes: totalBytes ?? 0 };
    }
    const received =
      unmentionedBytes() +
      sum((layer) => (layer.isDownloaded ? whole(layer) : layer.receivedBytes));
    const mostBytes = totalBytes === null ? received : Math.max(0, totalBytes - 1);
    const receivedBytes = Math.min(mostBytes, Math.max(planned.cachedBytes, received));
    const share = totalBytes === null || totalBytes === 0 ? 0 : receivedBytes / totalBytes;
    if (share < toldShare) return null;
    toldShare = share;
    return { image, phase: "downloading", receivedBytes, totalBytes: totalBytes ?? 0 };
  }

  return {
    read(line) {
      const told = readLayer(line);
      if (told === null) return null;
      // Of what is no layer, as an index that containerd fetches, the registry's sizes say nothing.
      if (sizes !== null && !sizes.has(told.id)) return null;
      const layer = layerOf(told.id);
      if (told.totalBytes > 0 && sizes === null) layer.totalBytes ??= told.totalBytes;
      const mostBytes = layer.totalBytes ?? told.receivedBytes;
      const reached = Math.min(mostBytes, told.receivedBytes);
      layer.isDownloaded ||= told.stage !== "downloading";
      layer.isUnpacked ||= told.stage === "unpacked" || told.stage === "there";
      layer.wasThere ||= told.stage === "there";
      if (told.stage === "downloading")
        layer.receivedBytes = Math.max(layer.receivedBytes, reached);
      if (told.stage === "unpacking") layer.unpackedBytes = Math.max(layer.unpackedBytes, reached);
      return progress();
    },
    layersDone: () => [...seen.values()].filter((layer) => layer.isDownloaded).length,
  };
}

function whole({ totalBytes, receivedBytes }: PulledLayer): number {
  return totalBytes ?? receivedBytes;
}

interface ToldLayer {
  readonly id: string;
  readonly stage: "downloading" | "downloaded" | "unpacking" | "unpacked" | "there";
  readonly receivedBytes: number;
  /** 0 where it is not told. */
  readonly totalBytes: number;
}

const layerId = /^[0-9a-f]{12}$/u;

/** What a line tells of a layer: JSON of compose 2.29 and later, or a line of `docker pull`. */
function readLayer(line: string): ToldLayer | null {
  const parsed = readMessage(line);
  if (parsed === null) {
    const [, id, words = ""] = /^([0-9a-f]{12}): (\S.*)$/u.exec(line.trimEnd()) ?? [];
    return id === undefined ? null : toldLayer(id, words);
  }
  const { id = "", parent_id: parent = "", text = "", current = 0, total = 0 } = parsed;
  return parent === "" || !layerId.test(id) ? null : toldLayer(id, text, { current, total });
}

function toldLayer(id: string, words: string, told = { current: 0, total: 0 }): ToldLayer | null {
  const bytes = { receivedBytes: told.current, totalBytes: told.total };
  const nothing = { receivedBytes: 0, totalBytes: 0 };
  if (/^(?:Pulling fs layer|Waiting|Preparing|Retrying)/u.test(words)) {
    return { id, stage: "downloading", ...nothing };
  }
  if (words.startsWith("Downloading")) return { id, stage: "downloading", ...bytes };
  if (/^(?:Verifying Checksum|Download complete)/u.test(words)) {
    return { id, stage: "downloaded", ...nothing };
  }
  if (words.startsWith("Extracting")) {
    // containerd's store tells seconds, which have no total.
    return { id, stage: "unpacking", ...(told.total > 0 ? bytes : nothing) };
  }
  if (words.startsWith("Pull complete")) return { id, stage: "unpacked", ...nothing };
  return words.startsWith("Already exists") ? { id, stage: "there", ...nothing } : null;
}

/** As docker prints a digest. */
export function shortId(digest: string): string {
  return digest.slice("sha256:".length).slice(0, 12);
}

/** After so long without a word of an image it is told what is waited for, and again each time. */
const silenceToldMs = 30_000;
/** A registry that says nothing for so long is given up, where compose would have told of every byte. */
const silenceEndsMs = 600_000;

export interface Silence {
  /** Docker said something. @returns whether it was told meanwhile that nothing was said */
  broken(): boolean;
  /** Tells what is waited for, where that is due. */
  look(): void;
  /** Fires with a Failure where nothing was said for too long. */
  readonly ended: AbortSignal;
}

/** Watches for a registry that takes a request and never answers, of which compose says nothing for as long as one waits. */
export function watchSilence(
  { host, emit }: { readonly host: Host; readonly emit: Emit },
  known: {
    readonly images: Pick<ImageProgress, "pending">;
    readonly config: StackConfig | null;
    /** Every byte is told, so that silence means that nothing comes. */
    readonly tellsBytes: boolean;
    readonly ends: boolean;
  },
): Silence {
  const { images, config, tellsBytes, ends } = known;
  const end = new AbortController();
  let wordAtMs = host.clock.monotonicMs();
  let toldMs = 0;
  return {
    ended: end.signal,
    broken() {
      const wasTold = toldMs > 0;
      wordAtMs = host.clock.monotonicMs();
      toldMs = 0;
      return wasTold;
    },
    look() {
      const silentMs = Math.round(host.clock.monotonicMs() - wordAtMs);
      const waiting = images.pending();
      if (waiting.length === 0 || silentMs - toldMs < silenceToldMs) return;
      toldMs = silentMs;
      for (const service of waiting) {
        const registry = registryOf(config?.imageOfService.get(service) ?? null);
        emit({
          type: "container.changed",
          service,
          state: "pulling",
          silentMs,
          unanswered: tellsBytes,
          ...(registry === null ? {} : { registry }),
        });
      }
      if (ends && silentMs >= silenceEndsMs) end.abort(registrySilent(waiting, config, silentMs));
    },
  };
}

/** Looks again and again while docker works, until the signal. @throws what looking throws */
export async function lookAgain(
  { clock }: Pick<Host, "clock">,
  { everyMs, signal }: { readonly everyMs: number; readonly signal: AbortSignal },
  look: () => void | Promise<void>,
): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(everyMs, signal);
      await look();
    }
  } catch (error) {
    if (!isAbort(error)) throw error;
  }
}

function registrySilent(
  services: readonly string[],
  config: StackConfig | null,
  silentMs: number,
): Failure {
  const images = services.map((service) => config?.imageOfService.get(service) ?? service);
  const registry = registryOf(images[0] ?? null);
  return failure("docker.pull_network", { how: "silent", silentMs, images, registry });
}
