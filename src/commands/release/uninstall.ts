import path from "node:path";
import { runCompose } from "../../docker/compose.ts";
import { composeFailure } from "../../docker/compose-failures.ts";
import type { Host } from "../../host/host.ts";
import type { Person } from "../../plan/interview.ts";
import { dataOfTree } from "../../release/installation.ts";
import { isFromNpm, readVersion, treeOfApp } from "../../release/tree.ts";
import { uninstall } from "../../release/uninstall.ts";
import { failure } from "../../run/failures/table.ts";
import { inFolder } from "../../run/shell-quote.ts";
import { formatBytes } from "../../run/units.ts";
import { stagingName } from "../../store/contents.ts";
import type { Work } from "../command-request.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { removeUnit, resumeUnitFile } from "../../deploy/systemd/user-service.ts";
import { herosFile } from "../../deploy/compose/compose-files.ts";
import { listContainers, listVolumes, type Volume } from "../../docker/containers.ts";
import { removeVolumeImage } from "../../docker/volume-container.ts";
import { late, withinLimit } from "../../host/time-limit.ts";
import { listRunning } from "../../record/find-running.ts";
import { recordsDir, backgroundFile } from "../../record/state-dir.ts";
import type { BackgroundProcess } from "../../run/run-control.ts";
import { placesOf } from "../../store/hub-cache/layout.ts";
import { imagePlacesOf } from "../../store/images/manifests.ts";
import { placeModels } from "../models-place.ts";

export interface UninstallRequest {
  /** Absolute: the folder that holds the program's package.json. */
  readonly appDir: string;
  readonly settings: GatheredSettings;
  readonly yes: boolean;
  /** Models of the catalog, answers and logs go too. */
  readonly purge: boolean;
  readonly person: Pick<Person, "confirm">;
}

/**
 * `heros uninstall [--yes] [--purge]`
 * @returns the sentences of the closing page; null where the person said no
 * @throws Failure `uninstall.…` (1, 2), `release.…` (1, 2, 4), of docker (1, 4); AbortError
 */
export async function performUninstall(
  work: Work,
  { appDir, settings, yes, purge, person }: UninstallRequest,
): Promise<readonly string[] | null> {
  const { host, emit, signal } = work;
  const folder = await treeOfApp(host, appDir);
  if (isFromNpm(appDir)) throw failure("release.from_npm", { folder: appDir });
  const data = folder === null ? null : await dataOfTree(host, folder);
  if (folder === null || data === null) {
    throw failure("release.not_installed", { folder: folder ?? appDir });
  }
  const { confirm } = person;
  if (!yes && confirm === undefined) throw failure("uninstall.needs_yes");
  const version = await readVersion(host, folder);
  const left = await lookAround(work, settings);
  const [running] = left.background;
  if (purge && running !== undefined) throw failure("uninstall.running", running);

  const ask: Ask = async (question, details = []) =>
    (await confirm?.({ question, details }, signal)) === true;
  const details = [...keptLines(left), ...runningLines(left)];
  if (!yes && !(await ask(`Remove heros ${version}?`, details))) return null;
  const going = await chooseMore(left, { purge, ask: yes ? () => Promise.resolve(false) : ask });

  if (going.containers) await removeContainers(work, left, going.volumes);
  // Before the program itself is gone: what runs commands is loaded when it is needed.
  await removeVolumeImage(host, signal);
  const { kept, inUse } = await uninstall({ host, emit, signal }, data);
  const hadUnit = await removeUnit(host);
  await removeData(host, left, going);
  const { bytes, cacheDir } = left.models;
  return [
    `heros ${version} is removed.`,
    ...(hadUnit ? [`Service removed: ${resumeUnitFile(host)}`] : []),
    ...(going.models ? [`Models removed: ${formatBytes(bytes)} from ${cacheDir}`] : []),
    ...kept.map((each) => `Kept: ${each.path}, because ${each.reason}.`),
    ...afterwards(left, going),
    ...inUse.map(({ folder: own, pids }) => {
      const which = `${pids.length === 1 ? "PID" : "PIDs"} ${pids.join(", ")}`;
      return `Kept: ${own}, because heros still runs from it (${which}).`;
    }),
    ...(inUse.length === 0
      ? []
      : [`When that has ended, you can delete ${path.join(data, "versions")}.`]),
  ];
}

type Ask = (question: string, details?: readonly string[]) => Promise<boolean>;

/** What goes beside heros itself. */
interface Going {
  readonly models: boolean;
  readonly state: boolean;
  readonly containers: boolean;
  readonly volumes: boolean;
}

/** Asks about everything that is there; what a run in the background works with is not asked about. */
async function chooseMore(
  { models, stateFiles, containers, volumes, background }: LeftBehind,
  { purge, ask }: { readonly purge: boolean; readonly ask: Ask },
): Promise<Going> {
  const choose = async (there: boolean, question: string): Promise<boolean> =>
    there && (purge || (background.length === 0 && (await ask(question))));
  const size = formatBytes(models.bytes);
  const noModels = await choose(
    models.folders.length > 0,
    `Also remove the models (${size} in ${models.cacheDir})?`,
  );
  const noState = await choose(stateFiles.length > 0, "Also remove answers and logs?");
  // What the stack remembers is in its volumes: no flag removes it.
  const names = containers.length > 0 ? ` (${containers.join(", ")})` : "";
  const hasStack = containers.length + volumes.length > 0 && background.length === 0;
  const noContainers =
    hasStack && (await ask(`Also stop {assistant} and remove its containers${names}?`));
  const noVolumes =
    noContainers &&
    volumes.length > 0 &&
    (await ask(`Also remove its volumes, with all that they hold (${volumeNames(volumes)})?`));
  return { models: noModels, state: noState, containers: noContainers, volumes: noVolumes };
}

/** @throws Failure of docker; then heros is still installed */
async function removeContainers(
  { host, signal }: Work,
  { stackDir }: LeftBehind,
  volumes: boolean,
): Promise<void> {
  if (stackDir === null) return;
  const args = ["down", ...(volumes ? ["--volumes"] : [])];
  const { exitCode, stderr, missing } = await runCompose({ host, stackDir, args, signal });
  if (exitCode !== 0) throw composeFailure({ stackDir, exitCode, stderr, missing });
}

async function removeData({ files }: Host, left: LeftBehind, going: Going): Promise<void> {
  const { models, stateFiles, stateDir } = left;
  const gone = [...(going.models ? models.folders : []), ...(going.state ? stateFiles : [])];
  for (const each of gone) await files.rm(each, { recursive: true, force: true });
  if (going.models) await files.rmdir(path.join(models.cacheDir, stagingName)).catch(() => {});
  if (going.state) await files.rmdir(stateDir).catch(() => {});
}

/** What stays and what still runs. */
function afterwards(left: LeftBehind, going: Going): string[] {
  const { models, stateFiles, volumes, containers } = left;
  const now: LeftBehind = {
    ...left,
    models: going.models ? { ...models, folders: [] } : models,
    stateFiles: going.state ? [] : stateFiles,
    volumes: going.volumes ? [] : volumes,
    containers: going.containers ? [] : containers,
  };
  return [...keptLines(now), ...runningLines(now)];
}

function volumeNames(volumes: LeftBehind["volumes"]): string {
  return volumes.map(({ name, size }) => (size === null ? name : `${name}, ${size}`)).join("; ");
}

function keptLines({ models, stackDir, volumes, stateDir, stateFiles }: LeftBehind): string[] {
  const { cacheDir, folders, bytes } = models;
  return [
    ...(folders.length > 0 ? [`Models stay: ${formatBytes(bytes)} in ${cacheDir}`] : []),
    ...(stackDir === null ? [] : [`The stack stays: ${stackDir}`]),
    ...(volumes.length > 0 ? [`{assistant}'s volumes stay: ${volumeNames(volumes)}`] : []),
    ...(stateFiles.length > 0 ? [`Answers and logs stay: ${stateDir}`] : []),
  ];
}

function runningLines({ stackDir, containers, background }: LeftBehind): string[] {
  const down = stackDir === null ? "" : inFolder(stackDir, "docker compose down");
  return [
    ...(containers.length > 0
      ? [`Still running: ${containers.join(", ")}. Stop with: ${down}`]
      : []),
    ...background.map(
      ({ command, pid }) =>
        `Still running: heros ${command} in the background (PID ${pid}). Stop it with: kill ${pid}`,
    ),
  ];
}

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
