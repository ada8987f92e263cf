import { z } from "zod";
import type { Host } from "../../host/host.ts";
import { parseJson } from "../../run/json.ts";
import { annieServiceName, warmupServiceName } from "./annie-service.ts";
import { askCompose, type PlannedFiles } from "./base.ts";
import type { Deployment } from "./deployment.ts";
import { type ComposeText, servicesOf } from "./compose-yaml.ts";

/** What the warm-up's service takes over from the user's own files. */
export interface WarmupBase {
  /** As it stands there, its variables not filled in. */
  readonly image: string;
  /** Docker builds it, for Annie's own service. */
  readonly isBuilt: boolean;
  readonly platform?: string;
  readonly pullPolicy?: string;
  /**
   * Who writes into the cache: the user that Annie runs as, else a folder's owner, so that nothing of root's is left in it.
   * Left out, whom the image names: a volume is Docker's own.
   */
  readonly user?: string;
  /** A service of the user's with this name has arguments, which would follow ours. */
  readonly hasCommand: boolean;
  /** What the files tell Annie's own service of the models in her image. */
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
  readonly plan: Pick<Deployment, "cacheDir" | "mount" | "told">;
}

export async function readWarmupBase({
  files,
  own,
  plan: { cacheDir, mount, told },
}: WarmupBaseRequest): Promise<WarmupBase> {
  const { exitCode, stdout } = await askCompose(files, null, {
    flags: ["--profile", "*"],
    configFlags: ["--no-interpolate"],
  });
  const asked = exitCode === 0 ? config.safeParse(parseJson(stdout)).data : undefined;
  const { name = "her-os", services } = asked ?? { services: readServices(own) };
  const core = services[annieServiceName] ?? {};
  const owner = mount.kind === "volume" ? undefined : await ownerOf(files.host, cacheDir);
  const user = core.user ?? owner;
  const variable = told.bakedModels;
  const bakedModels = variable === null ? undefined : core.environment?.[variable];
  const isBuilt = core.build !== undefined && core.build !== null;
  return {
    image: core.image ?? `${name}-${annieServiceName}`,
    isBuilt,
    ...(core.platform === undefined ? {} : { platform: core.platform }),
    ...(core.pull_policy === undefined ? {} : { pullPolicy: core.pull_policy }),
    ...(user === undefined ? {} : { user }),
    hasCommand: Boolean(services[warmupServiceName]?.command),
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
  /** Of the models, as Annie's own service has it. */
  readonly mount: Readonly<Record<string, unknown>>;
  /** What tells her of the models that were chosen. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of every model; else of those up to the priority that its variables name. */
  readonly all: boolean;
  readonly secrets: readonly string[];
}

/**
 * A container that looks for the models before Annie starts, and fetches those that are missing: for a start without heros. It has
 * no GPU, and alone of all it may write into the cache and ask the Hub.
 */
export function warmupService({ base, mount, environment, all, secrets }: WarmupRequest) {
  const { image, isBuilt, platform, pullPolicy, user, hasCommand } = base;
  const pulls = isBuilt ? "never" : pullPolicy;
  return {
    image,
    ...(pulls === undefined ? {} : { pull_policy: pulls }),
    ...(platform === undefined ? {} : { platform }),
    entrypoint: ["python", "-m", "her_os.bootstrap", ...(all ? ["--all"] : []), "--block"],
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
    volumes: [{ ...mount, read_only: false }],
    ...(secrets.length === 0 ? {} : { secrets }),
    healthcheck: { disable: true },
  };
}
