import { z } from "zod";
import { parseJson } from "../run/json.ts";
import { runCompose } from "./compose.ts";
import type { ListRequest } from "./containers.ts";

const port = z.object({
  target: z.number(),
  /** One, a range, or none: then docker chooses. */
  published: z.string().optional(),
  host_ip: z.string().optional(),
  protocol: z.string().optional(),
});
const device = z.object({ driver: z.string(), capabilities: z.array(z.string()) }).partial();
const bytes = z.union([z.string(), z.number()]).transform(Number).optional();
const service = z.object({
  image: z.string().optional(),
  build: z.unknown().optional(),
  pull_policy: z.string().optional().catch(undefined),
  platform: z.string().optional().catch(undefined),
  depends_on: z.record(z.string(), z.unknown()).optional(),
  profiles: z.array(z.string()).default([]),
  network_mode: z.string().optional(),
  ports: z.array(port).default([]).catch([]),
  runtime: z.string().optional(),
  gpus: z.unknown().optional(),
  devices: z
    .array(z.object({ source: z.string() }))
    .default([])
    .catch([]),
  secrets: z
    .array(z.object({ source: z.string() }))
    .default([])
    .catch([]),
  volumes: z
    .array(z.object({ type: z.string(), source: z.string().optional(), target: z.string() }))
    .default([])
    .catch([]),
  mem_limit: bytes.catch(undefined).optional(),
  deploy: z
    .object({
      resources: z
        .object({
          limits: z.object({ memory: bytes }).partial().optional(),
          reservations: z
            .object({ devices: z.array(device) })
            .partial()
            .optional(),
        })
        .partial(),
    })
    .partial()
    .nullish()
    .catch(null),
});
const config = z.object({
  name: z.string().optional(),
  services: z.record(z.string(), service),
  secrets: z.record(z.string(), z.unknown()).nullish(),
  volumes: z
    .record(z.string(), z.object({ name: z.string().optional() }).nullable())
    .nullish()
    .catch(null),
});

/** A service as compose merges it: `extends`, `include` and variables are worked in. */
export type StackService = z.output<typeof service>;

export interface StackConfig {
  /** Of the project; null where a compose does not say. */
  readonly name: string | null;
  /** Those that run: without the ones of a profile that is off. */
  readonly services: Readonly<Record<string, StackService>>;
  /** Names of the secrets. */
  readonly secrets: readonly string[];
  /** What docker calls a volume, by the name that it has in the files. */
  readonly volumeNames: ReadonlyMap<string, string>;
  /** Service by image; where two share one, the first. */
  readonly serviceOfImage: ReadonlyMap<string, string>;
  readonly imageOfService: ReadonlyMap<string, string>;
  /** Service by port of this machine. */
  readonly serviceOfPort: ReadonlyMap<number, string>;
}

/** The stack as compose itself merges it; null where compose does not say, the reason then comes with `up`. */
export async function readStackConfig(request: ListRequest): Promise<StackConfig | null> {
  const { exitCode, stdout } = await runCompose({
    ...request,
    args: ["config", "--format", "json"],
    timeoutMs: 15_000,
  });
  return exitCode === 0 ? parseStackConfig(stdout) : null;
}

/** @param text of `docker compose config --format json`; null where it is none */
export function parseStackConfig(text: string): StackConfig | null {
  const { data } = config.safeParse(parseJson(text));
  if (data === undefined) return null;
  const services = Object.entries(data.services);
  const serviceOfImage = new Map<string, string>();
  const imageOfService = new Map<string, string>();
  const serviceOfPort = new Map<number, string>();
  for (const [name, { image, ports }] of services) {
    for (const { published } of ports) {
      if (published !== undefined && /^\d+$/.test(published)) {
        serviceOfPort.set(Number(published), name);
      }
    }
    if (image === undefined) continue;
    imageOfService.set(name, image);
    if (!serviceOfImage.has(image)) serviceOfImage.set(image, name);
  }
  const secrets = Object.keys(data.secrets ?? {});
  const volumeNames = new Map(
    Object.entries(data.volumes ?? {}).map(([key, volume]) => [key, volume?.name ?? key]),
  );
  return {
    name: data.name ?? null,
    services: data.services,
    secrets,
    volumeNames,
    serviceOfImage,
    imageOfService,
    serviceOfPort,
  };
}

/** A service and everything that it waits for, by name. */
export function neededBy(name: string, { services }: StackConfig): ReadonlySet<string> {
  const needed = new Set([name]);
  for (const each of needed) {
    for (const next of Object.keys(services[each]?.depends_on ?? {})) needed.add(next);
  }
  return needed;
}

/** How much memory the compose file lets a service have, in bytes; null where it sets no limit. */
export function memoryLimitOf({ mem_limit: own, deploy }: StackService): number | null {
  const limit = deploy?.resources?.limits?.memory ?? own ?? 0;
  return limit > 0 ? limit : null;
}
