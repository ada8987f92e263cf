import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { type Catalog, requiredGroups } from "../../src/catalog/catalog.ts";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import type { RepoSpec } from "../../src/demo/hub/repository.ts";
import { matchesGlob } from "../../src/run/glob.ts";
import { freePort } from "../../test/host/free-port.ts";
import { type Layer, type Registry, startRegistry } from "../../test/docker/registry.ts";
import { cleanEnv } from "../program.ts";
import type { Engine } from "./engine.ts";
import { type Link, openLink } from "./link.ts";
import { tarOfSize } from "./tar-of-size.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const catalogFile = join(root, "assets/catalogs/her-os.yaml");
const baseFile = join(root, "assets/compose/docker-compose.yml");

export interface Sizes {
  /** Of what Annie needs to be online, and of the rest. */
  readonly neededBytes: number;
  readonly laterBytes: number;
  readonly bytesPerSecond: number;
  /** How many times its compressed size an image is unpacked to. */
  readonly unpackedRatio: number;
}

/** A registry and a Hub behind one line, and an engine that has nothing of it. */
export interface World {
  readonly engine: Engine;
  readonly link: Link;
  /** `http://127.0.0.1:PORT`, over the line. */
  readonly endpoint: string;
  readonly catalog: Catalog;
  /** The base compose file, with the registry's images in it. */
  readonly compose: string;
  readonly coreImage: string;
  /** That Annie does not wait for. */
  readonly laterImage: string;
  readonly neededBytes: number;
  readonly allBytes: number;
  docker(args: readonly string[], cwd?: string): Promise<string>;
}

export async function withWorld<Result>(
  { folder, engine, sizes }: { folder: string; engine: Engine; sizes: Sizes },
  work: (world: World) => Promise<Result>,
): Promise<Result> {
  const { neededBytes, laterBytes } = sizes;
  const catalog = parseCatalog(await readFile(catalogFile, "utf8"), catalogFile);
  const link = openLink({ bytesPerSecond: sizes.bytesPerSecond });
  const registry = await startRegistry({ folder, port: await freePort() });
  const docker = async (args: readonly string[], cwd = folder) => {
    const env = { ...cleanEnv(folder), ...engine.env };
    return (await promisify(execFile)("docker", [...args], { cwd, env })).stdout;
  };
  let hub: EmbeddedHub | null = null;
  try {
    const repos = reposOf(catalog, { neededBytes, laterBytes });
    const models = bytesOf(repos, catalog);
    hub = await startHub({ repos });
    for (const { id, files } of repos) {
      for (const { path } of files) await hub.file(id, path).identify();
    }
    const host = `127.0.0.1:${await link.lead(registry.port)}`;
    const endpoint = `http://127.0.0.1:${await link.lead(Number(new URL(hub.endpoint).port))}`;
    await link.lead(Number(new URL(hub.contentOrigin).port));
    const roots = await makeRoots(folder, engine, docker);
    const images = await pushImages(registry, roots, {
      neededBytes: neededBytes - models.needed,
      laterBytes: laterBytes - models.later,
      unpackedRatio: sizes.unpackedRatio,
    });
    const needed = images.neededBytes + models.needed;
    return await work({
      engine,
      link,
      endpoint,
      catalog,
      compose: await composeWith((service) => `${host}/${repositoryOf(service)}:1`),
      coreImage: `${host}/${repositoryOf("her-os-core")}:1`,
      laterImage: `${host}/${repositoryOf("kokoro")}:1`,
      neededBytes: needed,
      allBytes: needed + images.laterBytes + models.later,
      docker,
    });
  } finally {
    await hub?.close();
    await registry.close();
    await link.close();
  }
}

/** Of what is needed, models are 1.7 GB, beside 18 of the core's image and 2 of the databases'. */
const neededModels = 1.7 / 21.7;
/** Of the rest, Kokoro's image is about a quarter. */
const laterModels = 0.73;

/** Models of her-os, scaled down. Only the files that the catalog names, so that everybody fetches the same. */
function reposOf(
  catalog: Catalog,
  { neededBytes, laterBytes }: Pick<Sizes, "neededBytes" | "laterBytes">,
): RepoSpec[] {
  const full = bytesOf(reposAt(catalog, 1), catalog);
  const isNeeded = neededRepos(catalog);
  const scales = {
    needed: (neededBytes * neededModels) / full.needed,
    later: (laterBytes * laterModels) / full.later,
  };
  return [
    ...reposAt(catalog, scales.needed).filter(({ id }) => isNeeded.has(id)),
    ...reposAt(catalog, scales.later).filter(({ id }) => !isNeeded.has(id)),
  ];
}

function neededRepos(catalog: Catalog): ReadonlySet<string> {
  const first = requiredGroups(catalog);
  const needed = catalog.models.filter(({ group }) => first.includes(group));
  return new Set(needed.flatMap(({ parts }) => parts.map(({ repo }) => repo)));
}

function reposAt(catalog: Catalog, scale: number): RepoSpec[] {
  const parts = catalog.models.flatMap((model) => model.parts);
  return reposForCatalog(catalog, { scale }).map((spec) => {
    const globs = parts.flatMap(({ repo, files }) => (repo === spec.id ? (files ?? ["*"]) : []));
    return {
      ...spec,
      files: spec.files.filter(({ path }) => globs.some((glob) => matchesGlob(path, glob))),
    };
  });
}

function bytesOf(repos: readonly RepoSpec[], catalog: Catalog) {
  const isNeeded = neededRepos(catalog);
  const bytes = { needed: 0, later: 0 };
  for (const { id, files } of repos) {
    const kind = isNeeded.has(id) ? "needed" : "later";
    for (const file of files) {
      bytes[kind] += "sizeBytes" in file ? file.sizeBytes : file.content.length;
    }
  }
  return bytes;
}

interface Roots {
  readonly annie: string;
  readonly side: string;
}

/** What .ci/docker-images.sh makes its stand-ins of. */
async function makeRoots(folder: string, engine: Engine, docker: World["docker"]): Promise<Roots> {
  const made = join(folder, "roots");
  await mkdir(made);
  const env = { ...process.env, ...engine.env };
  await promisify(execFile)("sh", [".ci/docker-images.sh", made], { cwd: root, env });
  await docker(["image", "prune", "--all", "--force"]);
  return { annie: join(made, "annie"), side: join(made, "side") };
}

const databases = { postgres: 0.4, redis: 0.1, neo4j: 0.35, qdrant: 0.15 };
/** Of what is needed. */
const databasesShare = 0.09;
/** Of the core's layers: a few large ones, and the program's own at the end. */
const coreShares = [6, 1, 3, 18, 2, 1, 9, 24, 1, 4, 12, 2, 7, 1, 6, 3];

async function pushImages(
  registry: Registry,
  { annie, side }: Roots,
  wanted: Pick<Sizes, "neededBytes" | "laterBytes" | "unpackedRatio">,
) {
  const sideOf = (service: string): Promise<Layer> => pushRoot(repositoryOf(service), side);
  const pushRoot = (repository: string, from: string): Promise<Layer> => {
    const tar = spawn("tar", ["-C", from, "--mtime=@0", "--sort=name", "-c", "."], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    return registry.pushLayer(repository, tar.stdout);
  };
  const push = async (
    service: string,
    entrypoint: string,
    bottom: Layer,
    sizes: readonly number[],
  ) => {
    const repository = repositoryOf(service);
    const layers = [bottom];
    for (const [index, bytes] of sizes.entries()) {
      const tar = tarOfSize(`${service}-${index}`, bytes, wanted.unpackedRatio);
      layers.push(await registry.pushLayer(repository, tar));
    }
    await registry.pushImage(repository, { tag: "1", layers, entrypoint: entrypoint.split(" ") });
    return layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  };
  const core = repositoryOf("her-os-core");
  const bottom = await pushRoot(core, annie);
  const databaseBytes = wanted.neededBytes * databasesShare;
  const coreBytes = wanted.neededBytes - databaseBytes - bottom.sizeBytes;
  const all = coreShares.reduce((sum, share) => sum + share, 0);
  const sizes = coreShares.map((share) => (coreBytes * share) / all);
  const pushed = await Promise.all([
    push("her-os-core", "/usr/bin/node /annie/annie.ts", bottom, sizes),
    (async () => {
      let needed = 0;
      for (const [service, share] of Object.entries(databases)) {
        const lowest = await sideOf(service);
        const bytes = databaseBytes * share;
        needed += await push(service, "/bin/stand-in", lowest, [bytes * 0.3, bytes * 0.7]);
        // It is the same for all, and comes once.
        if (needed > bytes + lowest.sizeBytes) needed -= lowest.sizeBytes;
      }
      return needed;
    })(),
    (async () => {
      const lowest = await sideOf("kokoro");
      const bytes = wanted.laterBytes;
      const shares = [0.2, 0.5, 0.05, 0.25].map((share) => bytes * share);
      return (await push("kokoro", "/bin/stand-in", lowest, shares)) - lowest.sizeBytes;
    })(),
  ]);
  await rm(annie, { recursive: true });
  await rm(side, { recursive: true });
  const [coreSize, databasesSize, laterSize] = pushed;
  return { neededBytes: coreSize + databasesSize, laterBytes: laterSize };
}

function repositoryOf(service: string): string {
  return service === "her-os-core" ? "her-os/core" : `bench/${service}`;
}

async function composeWith(imageOf: (service: string) => string): Promise<string> {
  const base = parse(await readFile(baseFile, "utf8")) as {
    readonly services: Record<string, { image: string }>;
  };
  for (const [service, each] of Object.entries(base.services)) each.image = imageOf(service);
  return stringify(base);
}

/** A folder with the stack's compose file. */
export async function layStack(folder: string, compose: string): Promise<string> {
  const stackDir = join(folder, "her-os");
  await mkdir(stackDir, { recursive: true });
  await writeFile(join(stackDir, "docker-compose.yml"), compose);
  return stackDir;
}
