import { createHash } from "node:crypto";
import path from "node:path";
import { stringify } from "yaml";
import type { Gpus, Stack, StoreMount } from "../../catalog/stack.ts";
import { chosenComposeFileLine } from "./compose-files.ts";
import type { ModelsMount, NfsExport } from "../../plan/storage.ts";
import type { Deployment, PlannedService, StorePlace } from "./deployment.ts";
import { type WarmupBase, warmupService } from "./warmup.ts";

const tokenName = "hf_token";
/** A profile that nobody switches on. */
const offProfile = "heros-off";

const preface =
  "# Written by heros, and rewritten whole by `heros setup`. Put changes of your own into docker-compose.override.yml.\n";
const hashLine = /^# sha256 of what follows: ([0-9a-f]{64})\n/;

export interface OverrideRequest {
  readonly plan: Deployment;
  /** By the service that each is for; none where nothing looks for the models before they start. */
  readonly warmups: ReadonlyMap<string, WarmupBase>;
  /** Services for which the user's own files reserve a GPU. */
  readonly gpuReserved: ReadonlySet<string>;
  /** Other services that need the GPU and have none in the user's files. */
  readonly gpuServices: readonly string[];
  /** Services that get the token; none where no token is kept. */
  readonly tokenFor: ReadonlySet<string>;
  /** Path of the token as compose will find it; null where no token is kept. */
  readonly tokenFile: string | null;
  /** The COMPOSE_FILE that heros put together itself; null where it is the user's. */
  readonly chosen: string | null;
  /** True where the user's files publish nothing of the stack, so that nobody outside could ask it. */
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
  const { plan, warmups, gpuServices, tokenFor, tokenFile, secretTaken } = request;
  const secret = secretTaken ? `heros_${tokenName}` : tokenName;
  const services = plan.services.flatMap((service): [string, unknown][] => {
    const base = warmups.get(service.name);
    const own: [string, unknown] = [service.name, serviceBody(request, service, secret)];
    const { warmup } = service;
    if (warmup === null || base === undefined) return [own];
    const secrets = tokenFile !== null && tokenFor.has(warmup.name) ? [secret] : [];
    const mirror = plan.endpoint === null ? {} : { HF_ENDPOINT: literal(plan.endpoint) };
    const environment = {
      ...hubPlaces(service),
      ...tokenPath(secrets),
      ...mirror,
      ...warmup.environment,
    };
    const mounts = mountsOf(
      plan,
      service.mounts.map((mount) => ({ ...mount, readOnly: false })),
    );
    return [own, [warmup.name, warmupService({ base, warmup, mounts, environment, secrets })]];
  });
  return stringify(
    {
      services: {
        ...(Object.fromEntries(services) as Record<string, unknown>),
        ...Object.fromEntries(
          gpuServices.map((name) => [
            name,
            { deploy: { resources: reservation({ kind: "all" }, plan.gpus) } },
          ]),
        ),
      },
      ...(tokenFile !== null && tokenFor.size > 0
        ? { secrets: { [secret]: { file: literal(tokenFile) } } }
        : {}),
      ...volumesOf(plan),
    },
    { lineWidth: 0, aliasDuplicateObjects: false, compat: "yaml-1.1" },
  );
}

function serviceBody(request: OverrideRequest, service: PlannedService, secret: string) {
  const { plan, warmups, gpuReserved, tokenFor, tokenFile, publish } = request;
  const { name, warmup, command, isOff } = service;
  const secrets = tokenFile !== null && tokenFor.has(name) ? [secret] : [];
  const volumes = mountsOf(plan, service.mounts);
  const isOffline = service.mounts.some(({ store, readOnly }) => store === "hub" && readOnly);
  const ollama = service.mounts.find(({ store }) => store === "ollama");
  const environment = {
    ...hubPlaces(service),
    ...(ollama === undefined ? {} : { OLLAMA_MODELS: ollama.at }),
    ...tokenPath(secrets),
    // heros fetches; the service only reads. Without this it would fetch what is not there yet a second time.
    ...(isOffline ? { HF_HUB_OFFLINE: "1" } : {}),
    ...service.environment,
  };
  const resources = resourcesOf(service, gpuReserved.has(name) ? 0 : plan.gpus);
  return {
    ...(isOff ? { profiles: [offProfile] } : {}),
    ...(warmup === null || !warmups.has(name)
      ? {}
      : { depends_on: { [warmup.name]: { condition: "service_completed_successfully" } } }),
    ...(Object.keys(environment).length === 0 ? {} : { environment }),
    ...(volumes.length === 0 ? {} : { volumes }),
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(publish && name === plan.stack.service ? { ports: publishedPorts(plan.stack) } : {}),
    ...(command === null ? {} : { command }),
    ...(resources === null ? {} : { deploy: { resources } }),
  };
}

/** As in the bases that heros lays down. */
function publishedPorts({ port }: Stack): string[] {
  if (port === null) return [];
  const address = port.bind === null ? "127.0.0.1" : `\${${port.bind}:-127.0.0.1}`;
  return [`${address}:\${${port.variable}:-${port.usual}}:${port.inside}`];
}

function tokenPath(secrets: readonly string[]): Record<string, string> {
  return secrets[0] === undefined ? {} : { HF_TOKEN_PATH: `/run/secrets/${secrets[0]}` };
}

/**
 * HF_HUB_CACHE is the folder that holds models--…. HF_HOME is the one above it, where it has the Hub's own layout, and else
 * the same: loaders of a stack's own look there.
 */
function hubPlaces({ mounts }: PlannedService): Record<string, string> {
  const at = mounts.find(({ store }) => store === "hub")?.at;
  if (at === undefined) return {};
  const home = path.posix.basename(at) === "hub" ? path.posix.dirname(at) : at;
  return { HF_HOME: home, HF_HUB_CACHE: at, HF_HUB_DISABLE_TELEMETRY: "1" };
}

/** Null where neither a GPU nor memory is asked for. */
function resourcesOf({ gpus, memory }: PlannedService, available: number) {
  const devices = gpus === null || available === 0 ? null : reservation(gpus, available);
  const reserved = {
    ...(memory.reservation === null ? {} : { memory: memory.reservation }),
    ...devices?.reservations,
  };
  if (memory.limit === null && Object.keys(reserved).length === 0) return null;
  return {
    ...(memory.limit === null ? {} : { limits: { memory: memory.limit } }),
    ...(Object.keys(reserved).length === 0 ? {} : { reservations: reserved }),
  };
}

/** GPUs that a machine does not have are not asked for: Docker would refuse the container. At least one is. */
function reservation(gpus: Gpus, available: number) {
  const device = { driver: "nvidia", ...wantedGpus(gpus, available), capabilities: ["gpu"] };
  return { reservations: { devices: [device] } };
}

function wantedGpus(gpus: Gpus, available: number) {
  switch (gpus.kind) {
    case "all":
      return { count: "all" };
    case "count":
      return { count: Math.min(gpus.count, Math.max(1, available)) };
    case "devices": {
      const there = gpus.ids.filter((id) => !/^\d+$/.test(id) || Number(id) < available);
      return there.length === 0 ? { count: 1 } : { device_ids: there };
    }
  }
}

function mountsOf({ stores }: Deployment, mounts: readonly StoreMount[]) {
  return mounts.flatMap(({ store, at, readOnly }) => {
    const place = stores[store];
    if (place === undefined) return [];
    return [{ ...sourceOf(place), target: at, read_only: readOnly, ...mountOptions(place) }];
  });
}

function sourceOf({ mount, folder }: StorePlace) {
  return mount.kind === "folder"
    ? { type: "bind", source: literal(folder) }
    : { type: "volume", source: volumeKey(mount) };
}

/** Neither makes what is missing: a folder of Docker's own, or the image's files in an empty volume. */
function mountOptions({ mount }: StorePlace) {
  if (mount.kind === "folder") return { bind: { create_host_path: false } };
  const below = mount.kind === "volume" ? (mount.below ?? "") : "";
  return { volume: { nocopy: true, ...(below === "" ? {} : { subpath: below }) } };
}

/**
 * Compose never changes a volume that is there, so an export's key holds its address: another export is another volume.
 * A named volume is not compose's own: it stays, whatever compose removes.
 */
function volumesOf({ stores }: Deployment) {
  const volumes = Object.values(stores).flatMap(({ mount }): [string, unknown][] => {
    switch (mount.kind) {
      case "folder":
        return [];
      case "volume":
        return [[volumeKey(mount), { name: mount.name, external: true }]];
      case "nfs": {
        const { type, o, device } = nfsOptions(mount);
        const options = { type, o, device: literal(device) };
        return [[volumeKey(mount), { driver: "local", driver_opts: options }]];
      }
    }
  });
  return volumes.length === 0 ? {} : { volumes: Object.fromEntries(volumes) };
}

/**
 * Options of the local driver. `nolock`: a container has no lock daemon, and heros takes its locks elsewhere. `soft`: a server
 * that is gone is an error after some tries, and not a container that hangs for good.
 */
export function nfsOptions({ server, path: exported }: NfsExport) {
  return { type: "nfs", o: `addr=${server},nolock,soft,rw`, device: `:${exported}` };
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
