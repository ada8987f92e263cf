import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { docker, type HerosRun, runHeros } from "./run-heros.ts";

const catalogFile = fileURLToPath(new URL("../../assets/catalogs/her-os.yaml", import.meta.url));
const baseFile = fileURLToPath(new URL("../../assets/compose/docker-compose.yml", import.meta.url));

export interface Scene {
  readonly stackDir: string;
  readonly cacheDir: string;
  readonly hub: EmbeddedHub;
  /** Names of what lies in the stack's folder. */
  files(): Promise<readonly string[]>;
  /** Runs `heros pull` with these flags, of the first set. */
  pull(flags: readonly string[]): Promise<HerosRun>;
  /** Runs `heros setup` with these flags beside the usual ones; `env` beside the test's own. Killed when `killed` fires. */
  setup(
    flags?: readonly string[],
    env?: Readonly<Record<string, string>>,
    killed?: AbortSignal,
  ): Promise<HerosRun>;
}

export interface SceneOptions {
  /** Changes the base that is in the folder before heros comes. */
  readonly change?: (base: string) => string;
  readonly override?: string;
  readonly bytesPerSecond?: number;
}

/** A user's own stack in a folder of its own, and a Hub with small models of the real names. */
export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const { change = (base) => base, override, bytesPerSecond = 50_000_000 } = options;
  const folder = await mkdtemp(path.join(tmpdir(), "heros-own-"));
  const stackDir = path.join(folder, path.basename(folder));
  await mkdir(stackDir);
  await cp(baseFile, path.join(stackDir, "docker-compose.yml"));
  await writeFile(
    path.join(stackDir, "docker-compose.yml"),
    change(await readFile(baseFile, "utf8")),
  );
  if (override !== undefined) {
    await writeFile(path.join(stackDir, "docker-compose.override.yml"), override);
  }
  const catalog = parseCatalog(await readFile(catalogFile, "utf8"), catalogFile);
  const hub = await startHub({
    repos: reposForCatalog(catalog, { scale: 0.004 }),
    throttle: { bytesPerSecond },
  });
  onTestFinished(async () => {
    await docker(["compose", "down", "--volumes", "--timeout", "1"], stackDir).catch(() => "");
    await hub.close();
    await rm(folder, { recursive: true, force: true });
  });
  const cacheDir = path.join(folder, "hub");
  const places = [
    `--endpoint=${hub.endpoint}`,
    `--cache-dir=${cacheDir}`,
    `--stack-dir=${stackDir}`,
  ];
  const ownEnv = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: folder,
    DOCKER_HOST: process.env["DOCKER_HOST"] ?? "",
    DOCKER_CONFIG: process.env["DOCKER_CONFIG"] ?? "",
  };
  return {
    stackDir,
    cacheDir,
    hub,
    files: async () => (await readdir(stackDir)).toSorted(),
    pull: (flags) => runHeros(["pull", "--output=json", "--tiers=1", ...places, ...flags], ownEnv),
    setup: (flags = [], env = {}, killed) =>
      runHeros(
        [
          "setup",
          "--yes",
          "--allow-unsupported",
          "--output=json",
          "--tiers=1,2,3",
          ...places,
          ...flags,
        ],
        { ...ownEnv, ...env },
        undefined,
        killed,
      ),
  };
}
