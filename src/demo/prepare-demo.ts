import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Catalog } from "../catalog/catalog.ts";
import { isThere } from "../host/places.ts";
import type { Host } from "../host/host.ts";
import { registerModels } from "./annie/models.ts";
import { demoHost } from "./demo-host.ts";
import { createEngine } from "./docker/engine.ts";
import { reposForCatalog } from "./hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "./hub/hub.ts";
import { type DemoRegistry, startRegistry } from "./hub/registry.ts";

export interface DemoRequest {
  /** The real one. */
  readonly host: Host;
  /** What is rehearsed. */
  readonly catalog: Catalog;
  /** A Node that the demo's Annie runs on: `process.execPath`. */
  readonly nodePath: string;
  /** At 1 the images and the models of the usual tiers take about 22 seconds; at 10 a tenth of it. */
  readonly speed?: number;
  /** 0.1 for a tenth of the demo's bytes. */
  readonly scale?: number;
  /** One that an earlier process left to go on in; by default a new one. */
  readonly folder?: string | null;
  /** Annie's; by default one that nobody listens on. */
  readonly port?: number | null;
  /** What the demo's Hub accepts beside all that looks like a token, and whose each is. */
  readonly tokens?: Readonly<Record<string, string>>;
}

/** A world of its own: a Spark, a Hub, a registry, and a folder in which everything happens. */
export interface DemoWorld {
  readonly folder: string;
  /** Its home, environment, machine and docker are the demo's. The environment names endpoint, cache and port too. */
  readonly host: Host;
  readonly catalog: Catalog;
  readonly endpoint: string;
  readonly hub: EmbeddedHub;
  readonly registry: DemoRegistry;
  readonly stackDir: string;
  readonly cacheDir: string;
  readonly stateDir: string;
  /** Annie's. */
  readonly port: number;
  /** Where in the demo's folder a folder of this machine is played. */
  inside(folder: string): string;
  /** Ends every server and process, and removes the folder unless it is to be kept. */
  dispose(options?: { readonly keep?: boolean }): Promise<void>;
}

/** A two-hundredth of the real sizes: 108 MB of images, and of models 26 MB for the usual tiers of her-os, 103 MB for all. */
const demoScale = 0.005;
const bytesPerSecond = 6_000_000;

/** Variables that would lead out of the demo. */
const foreign =
  /^(HF_|HUGGING|XDG_|COMPOSE_|DOCKER_|HER_OS_|HEROS_(CATALOG|ENDPOINT|CACHE_DIR|STACK_DIR|STORAGE|CONFIG|TOKEN|PORT|UNSUPPORTED))|_proxy$/i;

/** Makes the demo's world. Nothing outside its folder is written. */
export async function prepareDemo({
  host: base,
  catalog,
  nodePath,
  speed = 1,
  scale = 1,
  folder: left = null,
  port: givenPort = null,
  tokens = {},
}: DemoRequest): Promise<DemoWorld> {
  const folder =
    left === null
      ? await openDemoFolder(base, base.env["TMPDIR"] ?? tmpdir())
      : await claimDemoFolder(base, left);
  const home = join(folder, "home");
  const cacheDir = join(home, ".cache/huggingface/hub");
  const stateHome = join(home, ".local/state");
  await base.files.mkdir(home, { recursive: true });
  const hub = await startHub({
    repos: reposForCatalog(catalog, { scale: demoScale * scale }),
    tokens,
    guest: "you",
    throttle: { bytesPerSecond: bytesPerSecond * speed, latencyMs: Math.min(20, 20 / speed) },
  });
  const registry = await startRegistry({ scale: demoScale * scale, gates: hub.gates });
  const port = givenPort ?? (await freePort());
  const engine = createEngine({
    host: base,
    folder: join(folder, "docker"),
    nodePath,
    models: registerModels(catalog),
    registry: registry.address,
    speed,
  });
  const host = await demoHost(base, {
    machineFolder: join(folder, "machine"),
    home,
    engine,
    registry: registry.address,
    env: {
      ...Object.fromEntries(Object.entries(base.env).filter(([name]) => !foreign.test(name))),
      HOME: home,
      XDG_STATE_HOME: stateHome,
      HF_ENDPOINT: hub.endpoint,
      HF_HUB_CACHE: cacheDir,
      HER_OS_PORT: String(port),
    },
  });
  return {
    folder,
    host,
    catalog,
    endpoint: hub.endpoint,
    hub,
    registry,
    stackDir: join(home, "her-os"),
    cacheDir,
    stateDir: join(stateHome, "heros"),
    port,
    inside(path) {
      if (isWithin(folder, path)) return path;
      return isWithin(base.home, path)
        ? join(home, relative(base.home, path))
        : join(folder, "elsewhere", path);
    },
    async dispose({ keep = false } = {}) {
      await engine.down();
      host.network.close();
      await Promise.all([hub.close(), registry.close()]);
      await closeDemoFolder(base, folder, keep);
    },
  };
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

const prefix = "heros-demo-";
/** In each demo's folder: the process that it belongs to, and that process's PID namespace. */
const ownerFile = "owner";

/** Makes a folder for a demo, and removes those that demos left which were killed. */
export async function openDemoFolder(host: Host, parent: string): Promise<string> {
  await removeOrphans(host, parent);
  const folder = await host.files.realpath(await host.files.mkdtemp(join(parent, prefix)));
  await host.files.writeFile(join(folder, ownerFile), await ownerLine(host));
  return folder;
}

/** Makes a folder that another process left this one's. */
export async function claimDemoFolder(host: Host, folder: string): Promise<string> {
  await host.files.writeFile(join(folder, ownerFile), await ownerLine(host));
  return folder;
}

/** Removes the folder, or gives it to the person or to another process, and then no later demo touches it. */
export async function closeDemoFolder(host: Host, folder: string, keep: boolean): Promise<void> {
  if (keep) await host.files.rm(join(folder, ownerFile), { force: true });
  else await host.files.rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function removeOrphans(host: Host, parent: string): Promise<void> {
  const names = await host.files.readdir(parent).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const folder = join(parent, name);
    if (await isOrphan(host, folder)) {
      // Another's, and so not to be removed by us.
      await host.files.rm(folder, { recursive: true, force: true }).catch(() => {});
    }
  }
}

/** Its owner is of our PID namespace, and is gone. In doubt it is not. */
async function isOrphan(host: Host, folder: string): Promise<boolean> {
  const line = await host.files.readFile(join(folder, ownerFile), "utf8").catch(() => "");
  const [, pid, namespace] = /^(\d+) (\S+)$/.exec(line) ?? [];
  if (pid === undefined || namespace !== (await pidNamespace(host))) return false;
  return !(await isThere(host, `/proc/${pid}`));
}

async function ownerLine(host: Host): Promise<string> {
  const namespace = await pidNamespace(host);
  return namespace === null ? "" : `${host.pid} ${namespace}`;
}

/** Null where there is no /proc. */
async function pidNamespace(host: Host): Promise<string | null> {
  return host.files.readlink("/proc/self/ns/pid").catch(() => null);
}

/** A port of loopback that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      );
    });
  });
}
