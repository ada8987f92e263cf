import { z } from "zod";
import type { ContainerChanged } from "../progress/events/stack.ts";
import { formatBytes } from "../progress/units.ts";

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

  function pulling(id: string, detail?: string): ContainerChanged | null {
    const service = serviceNamed(id);
    if (service === undefined) return null;
    pending.add(service);
    return {
      type: "container.changed",
      service,
      state: "pulling",
      ...(detail === undefined ? {} : { detail }),
    };
  }

  /** Layers are told of twice, for fetching and for unpacking; what was reached counts. */
  function countLayer(parent: string, id: string, received: number, total: number): string {
    const known = layers.get(parent) ?? new Map<string, Layer>();
    layers.set(parent, known);
    const before = known.get(id) ?? { receivedBytes: 0, totalBytes: 0 };
    known.set(id, {
      receivedBytes: Math.max(before.receivedBytes, received),
      totalBytes: Math.max(before.totalBytes, total),
    });
    const sum = (pick: (layer: Layer) => number) =>
      [...known.values()].reduce((all, layer) => all + pick(layer), 0);
    return `${formatBytes(sum((layer) => layer.receivedBytes))} of ${formatBytes(sum((layer) => layer.totalBytes))}`;
  }

  /** Fetched, given up, or at work on something later. */
  function done(id: string): null {
    const service = serviceNamed(id);
    if (service !== undefined) pending.delete(service);
    return null;
  }

  function read(line: string): ContainerChanged | null {
    const parsed = parseJson(line);
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

function parseJson(line: string): z.output<typeof message> | null {
  if (!line.trimStart().startsWith("{")) return null;
  try {
    return message.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
