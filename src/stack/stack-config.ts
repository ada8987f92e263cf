import { z } from "zod";
import { annieService } from "./base-check.ts";
import { runCompose } from "./compose.ts";
import type { ListRequest } from "./containers.ts";

const config = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string().optional(),
      depends_on: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});

export interface StackConfig {
  readonly services: readonly string[];
  /** Service by image; where two share one, the first. */
  readonly serviceOfImage: ReadonlyMap<string, string>;
  /** Annie's service and everything that it waits for. */
  readonly needed: ReadonlySet<string>;
}

/** The stack as compose itself merges it; null where compose does not say, the reason then comes with `up`. */
export async function readStackConfig(request: ListRequest): Promise<StackConfig | null> {
  const { exitCode, stdout } = await runCompose({
    ...request,
    args: ["config", "--format", "json"],
    timeoutMs: 15_000,
  });
  if (exitCode !== 0) return null;
  const { data } = config.safeParse(parseJson(stdout));
  if (data === undefined) return null;
  const serviceOfImage = new Map<string, string>();
  for (const [name, { image }] of Object.entries(data.services)) {
    if (image !== undefined && !serviceOfImage.has(image)) serviceOfImage.set(image, name);
  }
  const needed = new Set<string>([annieService]);
  for (const name of needed) {
    for (const next of Object.keys(data.services[name]?.depends_on ?? {})) needed.add(next);
  }
  return { services: Object.keys(data.services), serviceOfImage, needed };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
