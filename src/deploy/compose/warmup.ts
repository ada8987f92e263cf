import { z } from "zod";
import type { Host } from "../../host/host.ts";
import { parseJson } from "../../run/json.ts";
import { askCompose, type PlannedFiles } from "./base.ts";
import type { Deployment, PlannedService, PlannedWarmup } from "./deployment.ts";
import { type ComposeText, servicesOf } from "./compose-yaml.ts";

/** What the warm-up's service takes over from the user's own files. */
export interface WarmupBase {
  /** As it stands there, its variables not filled in. */
  readonly image: string;
  /** Docker builds it, for the service itself. */
  readonly isBuilt: boolean;
  readonly platform?: string;
  readonly pullPolicy?: string;
  /**
   * Who writes into the cache: the user that the service runs as, else a folder's owner, so that nothing of root's is left in it.
   * Left out, whom the image names: a volume is Docker's own.
   */
  readonly user?: string;
  /** A service of the user's with this name has arguments, which would follow ours. */
  readonly hasCommand: boolean;
  /** What the files tell the service of the models in its image. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A service as it stands in the files. */
const written = z.object({
  image: z.string().optional(),
  build: z.unknown().optional(),
  platform: z.string().optional(),
  pull_policy: z.string().optional(),
  user: z.string().optional(),
  command: z.unknown().optional(),
  environment: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

const config = z.object({
  name: z.string().optional(),
  services: z.record(z.string(), written),
});

export interface WarmupBaseRequest {
  readonly files: PlannedFiles;
  /** The user's files, which are read where there is no compose to ask. */
  readonly own: readonly ComposeText[];
  readonly plan: Pick<Deployment, "stack" | "stores" | "services">;
}

/** What the warm-ups take over, by the service that each is for; of those alone that run. */
export async function readWarmupBases(
  request: WarmupBaseRequest,
): Promise<ReadonlyMap<string, WarmupBase>> {
  const { files, own, plan } = request;
  const warmed = plan.services.filter(({ warmup, isOff }) => warmup !== null && !isOff);
  if (warmed.length === 0) return new Map();
  const { exitCode, stdout } = await askCompose(files, null, {
    flags: ["--profile", "*"],
    configFlags: ["--no-interpolate"],
  });
  const asked = exitCode === 0 ? config.safeParse(parseJson(stdout)).data : undefined;
  const { name = plan.stack.id, services } = asked ?? { services: readServices(own) };
  const hub = plan.stores.hub;
  const owner =
    hub === undefined || hub.mount.kind === "volume"
      ? undefined
      : await ownerOf(files.host, hub.folder);
  return new Map(
    warmed.map((service) => [service.name, baseOf(service, { project: name, services, owner })]),
  );
}

function baseOf(
  { name, bakedModels: variable, warmup }: PlannedService,
  {
    project,
    services,
    owner,
  }: {
    readonly project: string;
    readonly services: Readonly<Record<string, z.output<typeof written>>>;
    readonly owner: string | undefined;
  },
): WarmupBase {
  const core = services[name] ?? {};
  const user = core.user ?? owner;
  const bakedModels = variable === null ? undefined : core.environment?.[variable];
  const isBuilt = core.build !== undefined && core.build !== null;
  return {
    image: core.image ?? `${project}-${name}`,
    isBuilt,
    ...(core.platform === undefined ? {} : { platform: core.platform }),
    ...(core.pull_policy === undefined ? {} : { pullPolicy: core.pull_policy }),
    ...(user === undefined ? {} : { user }),
    hasCommand: Boolean(services[warmup?.name ?? ""]?.command),
    environment:
      variable !== null && typeof bakedModels === "string" ? { [variable]: bakedModels } : {},
  };
}

/** Whose a folder is, or will be once this program makes it. */
async function ownerOf({ files }: Host, folder: string): Promise<string> {
  const { uid, gid } = await files.stat(folder).catch(() => files.stat("/proc/self"));
  return `${uid}:${gid}`;
}

function readServices(own: readonly ComposeText[]): Record<string, z.output<typeof written>> {
  const services: Record<string, z.output<typeof written>> = {};
  for (const [name, service] of servicesOf(own)) {
    services[name] = { ...services[name], ...written.safeParse(service).data };
  }
  return services;
}

export interface WarmupRequest {
  readonly base: WarmupBase;
  readonly warmup: PlannedWarmup;
  /** Of the models, to write into. */
  readonly mounts: readonly Readonly<Record<string, unknown>>[];
  /** What tells it of the models that were chosen. */
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/**
 * A container that looks for the models before its service starts, and fetches those that are missing: for a start without
 * heros. It has no GPU, and alone of all it may write into the cache and ask the Hub.
 */
export function warmupService({ base, warmup, mounts, environment, secrets }: WarmupRequest) {
  const { image, isBuilt, platform, pullPolicy, user, hasCommand } = base;
  const pulls = isBuilt ? "never" : pullPolicy;
  return {
    image,
    ...(pulls === undefined ? {} : { pull_policy: pulls }),
    ...(platform === undefined ? {} : { platform }),
    entrypoint: warmup.entrypoint,
    ...(hasCommand ? { command: [] } : {}),
    restart: "no",
    ...(user === undefined ? {} : { user }),
    environment: {
      ...environment,
      ...base.environment,
      HF_HUB_OFFLINE: "0",
      // Where NVIDIA's runtime is Docker's default, an image alone may ask for the GPU.
      NVIDIA_VISIBLE_DEVICES: "void",
    },
    volumes: mounts,
    ...(secrets.length === 0 ? {} : { secrets }),
    healthcheck: { disable: true },
  };
}
