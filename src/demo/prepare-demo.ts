import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Catalog } from "../catalog/catalog.ts";
import { parseCatalog } from "../catalog/load.ts";
import type { Host } from "../host/host.ts";
import { registerModels } from "./annie/registry.ts";
import { closeDemoFolder, openDemoFolder } from "./demo-folder.ts";
import { demoHost } from "./demo-host.ts";
import { demoSizes } from "./demo-sizes.ts";
import { createEngine } from "./docker/engine.ts";
import { freePort } from "./free-port.ts";
import { reposForCatalog } from "./hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "./hub/hub.ts";

export interface DemoRequest {
  /** The real one. */
  readonly host: Host;
  /** Absolute path of assets/catalogs/demo.yaml. */
  readonly catalogFile: string;
  /** A Node that the demo's Annie runs on: `process.execPath`. */
  readonly nodePath: string;
  /** 1 takes about 25 seconds; 10 a tenth of it. */
  readonly speed?: number;
  /** 0.1 for a tenth of the models' sizes. */
  readonly scale?: number;
  /** What the demo's Hub accepts, and whose each is. */
  readonly tokens?: Readonly<Record<string, string>>;
}

/** A world of its own: a Spark, a Hub, and a folder in which everything happens. */
export interface DemoWorld {
  readonly folder: string;
  /** Its home, environment, machine and docker are the demo's. The environment names endpoint, cache and port too. */
  readonly host: Host;
  readonly catalog: Catalog;
  readonly endpoint: string;
  readonly hub: EmbeddedHub;
  readonly stackDir: string;
  readonly cacheDir: string;
  readonly stateDir: string;
  /** Annie's. */
  readonly port: number;
  /** Ends every server and process, and removes the folder unless it is to be kept. */
  dispose(options?: { readonly keep?: boolean }): Promise<void>;
}

/** At speed 1 the demo's models take about 25 seconds. */
const bytesPerSecond = 17_000_000;

/** Variables that would lead out of the demo. */
const foreign =
  /^(HF_|HUGGING|XDG_|COMPOSE_|DOCKER_|HER_OS_|HEROS_(CATALOG|ENDPOINT|CACHE_DIR|STACK_DIR|STORAGE|CONFIG|TOKEN|PORT|UNSUPPORTED))|_proxy$/i;

/** Makes the demo's world. Nothing outside its folder is written. */
export async function prepareDemo({
  host: base,
  catalogFile,
  nodePath,
  speed = 1,
  scale = 1,
  tokens = {},
}: DemoRequest): Promise<DemoWorld> {
  const catalog = parseCatalog(await base.files.readFile(catalogFile, "utf8"), catalogFile);
  const folder = await openDemoFolder(base, base.env["TMPDIR"] ?? tmpdir());
  const home = join(folder, "home");
  const cacheDir = join(home, ".cache/huggingface/hub");
  const stateHome = join(home, ".local/state");
  await base.files.mkdir(home);
  const hub = await startHub({
    repos: reposForCatalog(catalog, { sizes: demoSizes, scale }),
    tokens,
    throttle: { bytesPerSecond: bytesPerSecond * speed, latencyMs: Math.min(20, 20 / speed) },
  });
  const port = await freePort();
  const engine = createEngine({
    host: base,
    folder: join(folder, "docker"),
    nodePath,
    models: registerModels(catalog),
    speed,
  });
  const host = await demoHost(base, {
    machineFolder: join(folder, "machine"),
    home,
    engine,
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
    stackDir: join(home, "her-os"),
    cacheDir,
    stateDir: join(stateHome, "heros"),
    port,
    async dispose({ keep = false } = {}) {
      await engine.down();
      host.network.close();
      await hub.close();
      await closeDemoFolder(base, folder, keep);
    },
  };
}
