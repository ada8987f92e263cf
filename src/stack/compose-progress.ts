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

/** Reads one line of compose's stderr; an event where it tells of an image that is being fetched. */
export type ReadProgress = (line: string) => ContainerChanged | null;

/**
 * Reads what `docker compose up` says of images: the JSON lines of compose 2.29 and later, whose fields moved between
 * versions, or the plain lines of those before. Stray text is passed over. Containers are asked after with `ps`.
 */
export function imageProgress(serviceOfImage: ReadonlyMap<string, string>): ReadProgress {
  const layers = new Map<string, Map<string, Layer>>();
  const services = new Set(serviceOfImage.values());

  function serviceNamed(id: string): string | undefined {
    return services.has(id) ? id : serviceOfImage.get(id.replace(/^Image /, ""));
  }

  function pulling(id: string, detail?: string): ContainerChanged | null {
    const service = serviceNamed(id);
    if (service === undefined) return null;
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

  return (line) => {
    const parsed = parseJson(line);
    if (parsed === null) {
      const plain = /^\s*(?:Image )?(\S+)\s+Pulling\s*$/.exec(line);
      return plain?.[1] === undefined ? null : pulling(plain[1]);
    }
    const { id = "", parent_id: parent = "", text, status, current = 0, total = 0 } = parsed;
    if (parent !== "" && total > 0) return pulling(parent, countLayer(parent, id, current, total));
    return text === "Pulling" || status === "Pulling" ? pulling(id) : null;
  };
}

function parseJson(line: string): z.output<typeof message> | null {
  if (!line.trimStart().startsWith("{")) return null;
  try {
    return message.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
