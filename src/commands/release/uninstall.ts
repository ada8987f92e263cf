import type { Person } from "../../plan/interview.ts";
import { dataOfTree } from "../../release/installation.ts";
import { readVersion, treeOfApp } from "../../release/tree.ts";
import { uninstall } from "../../release/uninstall.ts";
import { failure } from "../../run/failures/table.ts";
import { inFolder } from "../../run/shell-quote.ts";
import { formatBytes } from "../../run/units.ts";
import type { Work } from "../command-request.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { type LeftBehind, lookAround } from "./left-behind.ts";

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
 * @throws Failure `uninstall.…` (1, 2), `release.…` (1, 2); AbortError
 */
export async function performUninstall(
  work: Work,
  { appDir, settings, yes, purge, person }: UninstallRequest,
): Promise<readonly string[] | null> {
  const { host, emit, signal } = work;
  const folder = await treeOfApp(host, appDir);
  const data = folder === null ? null : await dataOfTree(host, folder);
  if (folder === null || data === null) {
    throw failure("release.not_installed", { folder: folder ?? appDir });
  }
  const { confirm } = person;
  if (!yes && confirm === undefined) throw failure("uninstall.needs_yes");
  const version = await readVersion(host, folder);
  const left = await lookAround(work, settings);
  const { models, stateFiles, background } = left;
  if (purge && background !== null) throw failure("uninstall.running", background);

  const ask = async (question: string, details: readonly string[] = []): Promise<boolean> =>
    (await confirm?.({ question, details }, signal)) === true;
  const asked = !yes && background === null;
  if (!yes && !(await ask(`Remove heros ${version}?`, keptLines(left)))) return null;
  const size = formatBytes(models.bytes);
  const noModels =
    models.folders.length > 0 &&
    (purge || (asked && (await ask(`Remove the models, too (${size} in ${models.cacheDir})?`))));
  const noState =
    stateFiles.length > 0 && (purge || (asked && (await ask("Remove answers and logs, too?"))));

  const kept = await uninstall({ host, emit, signal }, data);
  const gone = [...(noModels ? models.folders : []), ...(noState ? stateFiles : [])];
  for (const each of gone) await host.files.rm(each, { recursive: true, force: true });
  if (noModels) await host.files.rmdir(`${models.cacheDir}/.heros`).catch(() => {});
  if (noState) await host.files.rmdir(left.stateDir).catch(() => {});
  return [
    `heros ${version} is removed.`,
    ...(noModels ? [`Models removed: ${size}.`] : []),
    ...kept.map(({ path, reason }) => `Kept: ${path}, because ${reason}.`),
    ...keptLines({
      ...left,
      models: noModels ? { ...models, folders: [] } : models,
      stateFiles: noState ? [] : stateFiles,
    }),
    ...runningLines(left),
  ];
}

function keptLines({ models, stackDir, volumes, stateDir, stateFiles }: LeftBehind): string[] {
  const { cacheDir, folders, bytes } = models;
  const named = volumes.map(({ name, size }) => (size === null ? name : `${name} (${size})`));
  return [
    ...(folders.length > 0 ? [`Models stay: ${formatBytes(bytes)} in ${cacheDir}`] : []),
    ...(stackDir === null ? [] : [`The stack stays: ${stackDir}`]),
    ...(named.length > 0 ? [`Annie's volumes stay: ${named.join(", ")}`] : []),
    ...(stateFiles.length > 0 ? [`Answers and logs stay: ${stateDir}`] : []),
  ];
}

function runningLines({ stackDir, containers, background }: LeftBehind): string[] {
  const down = stackDir === null ? "" : inFolder(stackDir, "docker compose down");
  return [
    ...(containers.length > 0
      ? [`Still running: ${containers.join(", ")}. Stop with: ${down}`]
      : []),
    ...(background === null
      ? []
      : [
          `Still running: heros ${background.command} in the background. Stop it with: kill ${background.pid}`,
        ]),
  ];
}
