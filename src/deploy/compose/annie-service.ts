import {
  parseStackConfig,
  type StackConfig,
  type StackService,
  runCompose,
} from "../../docker/compose.ts";
import type { ListRequest } from "../../docker/compose.ts";
import type { Host } from "../../host/host.ts";
import { Failure } from "../../run/failure.ts";
import { lookupIn, readStackEnv } from "./env/env-file.ts";

/** Annie's own service; the one that heros adds to. */
export const annieServiceName = "her-os-core";

/** The service that looks for the models before Annie starts, where that is the answer. */
export const warmupServiceName = "model-warmup";

/** Where the Hub cache stands in Annie's container. */
export const containerCache = "/data/models";

/** Where Annie listens inside her container. */
export const portInside = 8000;

/** Where Annie answers on this machine. */
export interface AnnieAddress {
  /** As it stands in an address: `127.0.0.1`, `[fd00::7]`. */
  readonly host: string;
  readonly port: number;
}

/** Null: nothing of her is published. `chosen`: Docker chooses a port when she starts. */
export type Published = AnnieAddress | "chosen" | null;

/** What compose publishes of Annie's port; `wanted` is preferred where there are several. */
export function publishedAddress(config: StackConfig, wanted: number): Published {
  const service = networkOwner(config);
  if (service === undefined) return null;
  if (service.network_mode === "host") return { host: "127.0.0.1", port: portInside };
  const ports = service.ports.filter(
    ({ target, protocol = "tcp" }) => target === portInside && protocol === "tcp",
  );
  const fixed = ports.flatMap(({ published = "", host_ip: ip }) =>
    /^\d+$/.test(published) ? [{ host: reachable(ip), port: Number(published) }] : [],
  );
  const rank = ({ host, port }: AnnieAddress) =>
    Number(host !== "127.0.0.1") * 2 + Number(port !== wanted);
  const [best] = fixed.toSorted((one, other) => rank(one) - rank(other));
  return best ?? (ports.length === 0 ? null : "chosen");
}

/** The service whose network Annie has: her own, or with `network_mode: service:…` another's. */
export function networkOwner({ services }: StackConfig): StackService | undefined {
  const own = services[annieServiceName];
  const other = /^service:(.+)$/.exec(own?.network_mode ?? "")?.[1];
  return other === undefined ? own : services[other];
}

/** Where what is bound to this address is reached from this machine. */
function reachable(ip = ""): string {
  if (/^(?:|0\.0\.0\.0|::|::1|127\.\d+\.\d+\.\d+|localhost)$/.test(ip)) {
    return ip === "::1" ? "[::1]" : ip.startsWith("127.") ? ip : "127.0.0.1";
  }
  return ip.includes(":") ? `[${ip}]` : ip;
}

/** The port that Docker chose, once she runs; null where it does not say. */
export async function askChosenPort(request: ListRequest): Promise<AnnieAddress | null> {
  const { stdout } = await runCompose({
    ...request,
    args: ["port", annieServiceName, String(portInside)],
    timeoutMs: 15_000,
  });
  const [, ip = "", port] = /^\[?([^\s\]]*?)\]?:(\d+)\s*$/m.exec(stdout) ?? [];
  return port === undefined || port === "0" ? null : { host: reachable(ip), port: Number(port) };
}

/** What the stack in a folder publishes as it stands there; null where there is none, or compose can't say. */
export async function askPublished(
  host: Host,
  stackDir: string,
  wanted: number | null,
): Promise<Published> {
  const info = await host.files.stat(stackDir).catch(() => null);
  if (info?.isDirectory() !== true) return null;
  const { exitCode, stdout } = await runCompose({
    host,
    stackDir,
    args: ["config", "--format", "json"],
    // Compose asks for passwords that are not made yet; what they are does not matter here.
    env: { ...standIns, ...(wanted === null ? {} : { HER_OS_PORT: String(wanted) }) },
    timeoutMs: 10_000,
  });
  const config = exitCode === 0 ? parseStackConfig(stdout) : null;
  return config === null ? null : publishedAddress(config, wanted ?? portInside);
}

/** In the place of passwords, where compose only reads files. */
export const standIns = { POSTGRES_PASSWORD: "none", NEO4J_PASSWORD: "none" } as const;

export interface AnniePlace extends AnnieAddress {
  /** A port was asked for, and the user's compose file publishes another whatever is asked. */
  readonly portIgnored: boolean;
}

/** Where Annie answers: as the stack in the folder publishes her, else as asked for, as its `.env` says, or 8000. */
export async function anniePlace(
  host: Host,
  stackDir: string,
  asked: number | null,
): Promise<AnniePlace> {
  const wanted = asked ?? (await keptPort(host, stackDir));
  const published = await askPublished(host, stackDir, asked);
  if (published === null || published === "chosen") {
    return { host: "127.0.0.1", port: wanted, portIgnored: asked !== null && published !== null };
  }
  return { ...published, portIgnored: asked !== null && published.port !== asked };
}

async function keptPort(host: Host, stackDir: string): Promise<number> {
  const env = await readStackEnv(host, stackDir).catch((error: unknown) => {
    if (error instanceof Failure) throw error;
    return null;
  });
  const kept = env === null ? Number.NaN : Number(lookupIn(env)("HER_OS_PORT"));
  return Number.isInteger(kept) && kept > 0 && kept < 65_536 ? kept : 8000;
}
