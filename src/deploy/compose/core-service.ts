import {
  parseStackConfig,
  type StackConfig,
  type StackService,
  runCompose,
} from "../../docker/compose.ts";
import type { ListRequest } from "../../docker/compose.ts";
import type { Stack } from "../../catalog/stack.ts";
import type { Host } from "../../host/host.ts";
import { Failure } from "../../run/failure.ts";
import { lookupIn, readStackEnv } from "./env/env-file.ts";

/** What of a stack says which service answers, and where. */
export type CoreOf = Pick<Stack, "service" | "port" | "services" | "passwords">;

/** Where the Hub cache stands in the container that answers; null where it has none. */
export function coreCache({ service, services }: CoreOf): string | null {
  const core = services.find(({ name }) => name === service);
  return core?.mounts.find(({ store }) => store === "hub")?.at ?? null;
}

/** Its usual port on this machine; 0 where nothing is published. */
export function usualPort({ port }: Pick<Stack, "port">): number {
  return port?.usual ?? 0;
}

/** Where the stack answers on this machine. */
export interface StackAddress {
  /** As it stands in an address: `127.0.0.1`, `[fd00::7]`. */
  readonly host: string;
  readonly port: number;
}

/** Null: nothing of it is published. `chosen`: Docker chooses a port when it starts. */
export type Published = StackAddress | "chosen" | null;

/** What compose publishes of the stack's port; `wanted` is preferred where there are several. */
export function publishedAddress(stack: CoreOf, config: StackConfig, wanted: number): Published {
  if (stack.service === null || stack.port === null) return null;
  return publishedOf(config, { service: stack.service, inside: stack.port.inside, wanted });
}

/** The same of any port of a service. */
export function publishedOf(
  config: StackConfig,
  { service: name, inside, wanted }: { service: string; inside: number; wanted: number },
): Published {
  const service = networkOwner(config, name);
  if (service === undefined) return null;
  if (service.network_mode === "host") return { host: "127.0.0.1", port: inside };
  const ports = service.ports.filter(
    ({ target, protocol = "tcp" }) => target === inside && protocol === "tcp",
  );
  const fixed = ports.flatMap(({ published = "", host_ip: ip }) =>
    /^\d+$/.test(published) ? [{ host: reachable(ip), port: Number(published) }] : [],
  );
  const rank = ({ host, port }: StackAddress) =>
    Number(host !== "127.0.0.1") * 2 + Number(port !== wanted);
  const [best] = fixed.toSorted((one, other) => rank(one) - rank(other));
  return best ?? (ports.length === 0 ? null : "chosen");
}

/** The service whose network this one has: its own, or with `network_mode: service:…` another's. */
export function networkOwner({ services }: StackConfig, name: string): StackService | undefined {
  const own = services[name];
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

/** The port that Docker chose, once it runs; null where it does not say. */
export async function askChosenPort(
  { service, port: known }: CoreOf,
  request: ListRequest,
): Promise<StackAddress | null> {
  const { stdout } = await runCompose({
    ...request,
    args: ["port", service ?? "", String(known?.inside ?? 0)],
    timeoutMs: 15_000,
  });
  const [, ip = "", port] = /^\[?([^\s\]]*?)\]?:(\d+)\s*$/m.exec(stdout) ?? [];
  return port === undefined || port === "0" ? null : { host: reachable(ip), port: Number(port) };
}

/** What the stack in a folder publishes as it stands there; null where there is none, or compose can't say. */
export async function askPublished(
  host: Host,
  stack: CoreOf,
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
    env: { ...standIns(stack), ...portVariable(stack, wanted) },
    timeoutMs: 10_000,
  });
  const config = exitCode === 0 ? parseStackConfig(stdout) : null;
  return config === null ? null : publishedAddress(stack, config, wanted ?? usualPort(stack));
}

/** In the place of passwords, where compose only reads files. */
export function standIns({ passwords }: Pick<Stack, "passwords">): Record<string, string> {
  return Object.fromEntries(passwords.map(({ variable }) => [variable, "none"]));
}

/** The variable that says the port; none where the stack has none, or nobody wants one. */
export function portVariable(
  { port }: Pick<Stack, "port">,
  wanted: number | null,
): Record<string, string> {
  return port === null || wanted === null ? {} : { [port.variable]: String(wanted) };
}

export interface StackPlace extends StackAddress {
  /** A port was asked for, and the user's compose file publishes another whatever is asked. */
  readonly portIgnored: boolean;
}

/** Where the stack answers: as it is published in the folder, else as asked for, as its `.env` says, or at the usual port. */
export async function stackPlace(
  host: Host,
  stack: CoreOf,
  stackDir: string,
  asked: number | null,
): Promise<StackPlace> {
  const wanted = asked ?? (await keptPort(host, stack, stackDir));
  const published = await askPublished(host, stack, stackDir, asked);
  if (published === null || published === "chosen") {
    return { host: "127.0.0.1", port: wanted, portIgnored: asked !== null && published !== null };
  }
  return { ...published, portIgnored: asked !== null && published.port !== asked };
}

async function keptPort(host: Host, stack: CoreOf, stackDir: string): Promise<number> {
  if (stack.port === null) return 0;
  const env = await readStackEnv(host, stackDir).catch((error: unknown) => {
    if (error instanceof Failure) throw error;
    return null;
  });
  const kept = env === null ? Number.NaN : Number(lookupIn(env)(stack.port.variable));
  return Number.isInteger(kept) && kept > 0 && kept < 65_536 ? kept : stack.port.usual;
}
