import path from "node:path";
import { herosFile } from "../../deploy/compose/compose-files.ts";
import { listContainers } from "../../docker/containers.ts";
import { listVolumes, type Volume } from "../../docker/containers.ts";
import type { Host } from "../../host/host.ts";
import { late, withinLimit } from "../../host/time-limit.ts";
import { listRunning } from "../../record/find-running.ts";
import { recordsDir, backgroundFile } from "../../record/state-dir.ts";
import type { BackgroundProcess } from "../../run/run-control.ts";
import { placesOf } from "../../store/hub-cache/layout.ts";
import { imagePlacesOf } from "../../store/images/manifests.ts";
import type { Work } from "../command-request.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { placeModels } from "../models-place.ts";

/** What heros made on this machine beside itself, and what still runs. */
export interface LeftBehind {
  readonly models: {
    readonly cacheDir: string;
    readonly folders: readonly string[];
    readonly bytes: number;
  };
  /** Null where none was set up. */
  readonly stackDir: string | null;
  /** Of the stack. */
  readonly volumes: readonly Volume[];
  /** Names of the stack's containers that run. */
  readonly containers: readonly string[];
  readonly stateDir: string;
  /** Answers, logs, listings: what of it is there. */
  readonly stateFiles: readonly string[];
  readonly background: readonly BackgroundProcess[];
}

/** Docker is not waited for longer: what it has is only told. */
const limitMs = 10_000;

/** Looks at everything; changes nothing. */
export async function lookAround(work: Work, settings: GatheredSettings): Promise<LeftBehind> {
  const { host } = work;
  const { catalog, stackDir, stateDir } = settings;
  const { cacheDir } = await placeModels(work, settings);
  const repos = new Set(catalog.models.flatMap(({ parts }) => parts.map(({ repo }) => repo)));
  const places = [...repos].map((repo) => placesOf(cacheDir, repo));
  const images = imagePlacesOf(cacheDir);
  const folders = await existing(host, [
    ...places.flatMap(({ root, staging, locks }) => [root, staging, locks]),
    images.root,
    images.locks,
  ]);
  const sizes = await Promise.all(folders.map((folder) => sizeOf(host, folder)));
  const state = ["answers.json", "listings", "demo"].map((name) => path.join(stateDir, name));
  const stack = await existing(host, [path.join(stackDir, herosFile)]);
  return {
    models: { cacheDir, folders, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) },
    stackDir: stack.length === 0 ? null : stackDir,
    ...(stack.length === 0 ? { volumes: [], containers: [] } : await askDockerOf(work, stackDir)),
    stateDir,
    stateFiles: await existing(host, [...state, recordsDir(stateDir), backgroundFile(stateDir)]),
    background: await listRunning(host),
  };
}

async function askDockerOf(
  { host, signal }: Work,
  stackDir: string,
): Promise<Pick<LeftBehind, "volumes" | "containers">> {
  const asked = await withinLimit({ host, signal, limitMs }, async (either) => {
    const { containers } = await listContainers({ host, stackDir, signal: either });
    const volumes = await listVolumes({ host, stackDir, signal: either });
    const up = containers.filter(({ state }) => state !== "exited" && state !== "created");
    return { volumes, containers: up.map(({ name }) => name) };
  });
  return asked === late ? { volumes: [], containers: [] } : asked;
}

async function existing({ files }: Host, paths: readonly string[]): Promise<string[]> {
  const there = await Promise.all(
    paths.map((each) =>
      files.lstat(each).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_each, index) => there[index] === true);
}

/** Bytes of the files in a folder; no link is followed. */
async function sizeOf({ files }: Host, folder: string): Promise<number> {
  const entries = await files.readdir(folder, { recursive: true, withFileTypes: true });
  const own = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    own.map(({ parentPath, name }) =>
      files.lstat(path.join(parentPath, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
