import { annieServiceName, containerCache, warmupServiceName } from "./annie-service.ts";
import { createHash } from "node:crypto";
import { stringify } from "yaml";
import type { TokenFor } from "../../catalog/catalog.ts";
import { chosenComposeFileLine } from "./compose-files.ts";
import type { ModelsMount, NfsExport } from "../../plan/storage.ts";
import type { Deployment } from "./deployment.ts";
import { type WarmupBase, warmupService } from "./warmup.ts";

const tokenName = "hf_token";

/** As in the base that heros lays down. */
const annieAddress = "${HER_OS_BIND:-127.0.0.1}:${HER_OS_PORT:-8000}:8000";

const preface =
  "# Written by heros, and rewritten whole by `heros setup`. Put changes of your own into docker-compose.override.yml.\n";
const hashLine = /^# sha256 of what follows: ([0-9a-f]{64})\n/;

export interface OverrideRequest {
  readonly plan: Deployment;
  /** Null where no container looks for the models before Annie starts. */
  readonly warmup: WarmupBase | null;
  /** True where the user's own files reserve the GPU. */
  readonly gpuReserved: boolean;
  /** Other services that need the GPU and have none in the user's files. */
  readonly gpuServices: readonly string[];
  /** Path of the token as compose will find it; null where no token is kept. */
  readonly tokenFile: string | null;
  /** The COMPOSE_FILE that heros put together itself; null where it is the user's. */
  readonly chosen: string | null;
  /** True where the user's files publish nothing of Annie, so that nobody outside could ask her. */
  readonly publish: boolean;
  /** True where the user's files have a secret of the name that ours has elsewhere. */
  readonly secretTaken: boolean;
}

/** The text of `docker-compose.heros.yml`: the same plan gives the same bytes. */
export function overrideText(request: OverrideRequest): string {
  const body = `${chosenComposeFileLine(request.chosen)}${overrideBody(request)}`;
  return `${preface}# sha256 of what follows: ${sha256(body)}\n${body}`;
}

/** Whether somebody changed the file since heros wrote it. */
export function editedByHand(text: string): boolean {
  if (!text.startsWith(preface)) return true;
  const rest = text.slice(preface.length);
  const match = hashLine.exec(rest);
  return match === null || match[1] !== sha256(rest.slice(match[0].length));
}

function overrideBody(request: OverrideRequest): string {
  const { plan, warmup, gpuReserved, gpuServices, tokenFile, publish, secretTaken } = request;
  const secret = secretTaken ? `heros_${tokenName}` : tokenName;
  const { tokenFor } = plan;
  const isIn = { core: tokenFor.core, warmup: tokenFor.warmup && warmup !== null };
  const secretsOf = (key: keyof TokenFor) => (tokenFile !== null && isIn[key] ? [secret] : []);
  const tokenPath = (key: keyof TokenFor) =>
    secretsOf(key).length === 0 ? {} : { HF_TOKEN_PATH: `/run/secrets/${secret}` };
  const mount = {
    ...modelsSource(plan),
    target: containerCache,
    read_only: true,
    ...mountOptions(plan),
  };
  const places = {
    // Both point at the folder that holds models--…: Annie's own loader looks in the first, the Hub's library in the second.
    HF_HOME: containerCache,
    HF_HUB_CACHE: containerCache,
    HF_HUB_DISABLE_TELEMETRY: "1",
  };
  const service = {
    ...(warmup === null
      ? {}
      : { depends_on: { [warmupServiceName]: { condition: "service_completed_successfully" } } }),
    environment: {
      ...places,
      ...tokenPath("core"),
      // heros fetches; Annie only reads. Without this she would fetch what is not there yet a second time.
      HF_HUB_OFFLINE: "1",
      ...plan.told.core,
    },
    volumes: [mount],
    ...(secretsOf("core").length === 0 ? {} : { secrets: secretsOf("core") }),
    ...(publish ? { ports: [annieAddress] } : {}),
    ...(plan.gpu && !gpuReserved ? reservation() : {}),
  };
  const mirror = plan.endpoint === null ? {} : { HF_ENDPOINT: literal(plan.endpoint) };
  const environment = { ...places, ...tokenPath("warmup"), ...mirror, ...plan.told.warmup };
  return stringify(
    {
      services: {
        [annieServiceName]: service,
        ...(warmup === null
          ? {}
          : {
              [warmupServiceName]: warmupService({
                base: warmup,
                mount,
                environment,
                all: plan.told.areAllChosen,
                secrets: secretsOf("warmup"),
              }),
            }),
        ...Object.fromEntries(gpuServices.map((name) => [name, reservation()])),
      },
      ...(tokenFile !== null && (isIn.core || isIn.warmup)
        ? { secrets: { [secret]: { file: literal(tokenFile) } } }
        : {}),
      ...volumesOf(plan.mount),
    },
    { lineWidth: 0, aliasDuplicateObjects: false, compat: "yaml-1.1" },
  );
}

function reservation() {
  const devices = [{ driver: "nvidia", count: "all", capabilities: ["gpu"] }];
  return { deploy: { resources: { reservations: { devices } } } };
}

function modelsSource({ mount, cacheDir }: Deployment) {
  return mount.kind === "folder"
    ? { type: "bind", source: literal(cacheDir) }
    : { type: "volume", source: volumeKey(mount) };
}

/** Neither makes what is missing: a folder of Docker's own, or the image's files in an empty volume. */
function mountOptions({ mount }: Deployment) {
  return mount.kind === "folder"
    ? { bind: { create_host_path: false } }
    : { volume: { nocopy: true } };
}

/**
 * Compose never changes a volume that is there, so an export's key holds its address: another export is another volume.
 * A named volume is not compose's own: it stays, whatever compose removes.
 */
function volumesOf(mount: ModelsMount) {
  switch (mount.kind) {
    case "folder":
      return {};
    case "volume":
      return { volumes: { [volumeKey(mount)]: { name: mount.name, external: true } } };
    case "nfs": {
      const { type, o, device } = nfsOptions(mount);
      const options = { type, o, device: literal(device) };
      return { volumes: { [volumeKey(mount)]: { driver: "local", driver_opts: options } } };
    }
  }
}

/**
 * Options of the local driver. `nolock`: a container has no lock daemon, and heros takes its locks elsewhere. `soft`: a server
 * that is gone is an error after some tries, and not a container that hangs for good.
 */
export function nfsOptions({ server, path }: NfsExport) {
  return { type: "nfs", o: `addr=${server},nolock,soft,rw`, device: `:${path}` };
}

function volumeKey(mount: Exclude<ModelsMount, { kind: "folder" }>): string {
  const key = "heros-models";
  if (mount.kind === "volume") return key;
  return `${key}-${sha256(`${mount.server}:${mount.path}`).slice(0, 8)}`;
}

/** Compose fills in variables everywhere; a doubled sign stands for itself. */
function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
