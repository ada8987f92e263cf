import { z } from "zod";
import type { StackConfig } from "./compose.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../run/event.ts";
import type { ContainerChanged } from "../run/events/stack.ts";
import type { Failure } from "../run/failure.ts";
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

/** After so long without a word of an image it is told what is waited for, and again each time. */
const silenceToldMs = 30_000;
/** A registry that says nothing for so long is given up, where compose would have told of every byte. */
const silenceEndsMs = 600_000;

export interface Silence {
  /** Compose said something. */
  broken(): void;
  /** Tells what is waited for, where that is due. */
  look(): void;
  /** Fires with a Failure where nothing was said for too long. */
  readonly ended: AbortSignal;
}

/** Watches for a registry that takes a request and never answers, of which compose says nothing for as long as one waits. */
export function watchSilence(
  { host, emit }: { readonly host: Host; readonly emit: Emit },
  known: {
    readonly images: ImageProgress;
    readonly config: StackConfig | null;
    readonly ends: boolean;
  },
): Silence {
  const { images, config, ends } = known;
  const end = new AbortController();
  let wordAtMs = host.clock.monotonicMs();
  let toldMs = 0;
  return {
    ended: end.signal,
    broken() {
      wordAtMs = host.clock.monotonicMs();
      toldMs = 0;
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
          unanswered: ends,
          ...(registry === null ? {} : { registry }),
        });
      }
      if (ends && silentMs >= silenceEndsMs) end.abort(registrySilent(waiting, config, silentMs));
    },
  };
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
