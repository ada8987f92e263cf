import path from "node:path";
import type { Installing } from "./install.ts";
import { folderOfVariable } from "../host/places.ts";
import type { Host } from "../host/host.ts";
import { errorCode } from "../run/failure.ts";
import { removeUnfinished } from "../host/text-files.ts";
import {
  lockOf,
  mayWrite,
  removeFreshLinks,
  removeVersion,
  runningFrom,
  withLock,
  type Made,
  readManifest,
} from "./installation.ts";
import { findLauncher, readLauncher, startsFrom } from "./launcher.ts";
import { removeLink, usualLinks } from "./shared-files.ts";
import { removeLine } from "./shell-path.ts";

/** Something that stays. */
export interface Kept {
  readonly path: string;
  readonly reason: string;
}

export interface Uninstalled {
  /** What the manifest names and is not as it was made. */
  readonly kept: readonly Kept[];
  /** Versions that programs still run from: they load parts of themselves hours later. */
  readonly inUse: readonly { readonly folder: string; readonly pids: readonly number[] }[];
}

/** Of the data folder, what heros and install.sh put there. */
const own = [
  "downloads",
  "installing",
  "current",
  "previous",
  "manifest.json",
  "lock",
  "upgrade.lock",
];

/**
 * Removes what the manifest names and is still as it was made, then the versions that nothing but this program runs from;
 * folders that were made go where nothing is left in them.
 * @throws Failure `release.busy` (1); Node's errors, AbortError
 */
export async function uninstall(installing: Installing, data: string): Promise<Uninstalled> {
  const { host } = installing;
  const { files } = host;
  const manifest = await readManifest(host, data);
  // install.sh notes nothing.
  const made: readonly Made[] = manifest.some(({ kind }) => kind === "launcher")
    ? manifest
    : [...manifest, ...(await usualMade(installing, data))];
  const uninstalled = await withLock(installing, lockOf(data), async () => {
    await requireRemovable(host, data, made);
    const reasons: Kept[] = [];
    for (const entry of made) {
      const reason = await remove(installing, data, entry);
      if (reason !== null) reasons.push({ path: entry.path, reason });
    }
    await removeFreshLinks(installing.host, data);
    await removeUnfinished(installing.host, path.join(data, "manifest.json"));
    const inUse = await removeVersions(installing, path.join(data, "versions"));
    for (const name of own) await files.rm(path.join(data, name), { recursive: true, force: true });
    return { kept: reasons, inUse };
  });
  await removeInstallerFolder(installing.host, data, made);
  const folders = made.filter(({ kind }) => kind === "folder").map((entry) => entry.path);
  const deepestFirst = [data, ...folders].toSorted((one, other) => other.length - one.length);
  for (const folder of deepestFirst) await files.rmdir(folder).catch(() => {});
  return uninstalled;
}

/** Half of it would be gone, and no heros there to remove the rest. @throws Failure `release.not_writable` (4) */
async function requireRemovable(
  { files }: Host,
  data: string,
  made: readonly Made[],
): Promise<void> {
  const changed = made
    .filter(({ kind }) => kind !== "folder")
    .map((each) => path.dirname(each.path));
  for (const folder of new Set([data, ...changed])) {
    await files.access(folder, mayWrite).catch((error: unknown) => {
      if (!["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) throw error;
    });
  }
}

/** @returns what stays of them */
async function removeVersions(
  { host }: Installing,
  versions: string,
): Promise<Uninstalled["inUse"]> {
  const { files, pid: ownPid } = host;
  const ids = await files.readdir(versions).catch(() => []);
  if (ids.length === 0) return [];
  const running = await runningFrom(host, versions);
  const inUse = ids.flatMap((id) => {
    const pids = (running.get(id) ?? []).filter((pid) => pid !== ownPid);
    return pids.length === 0 ? [] : [{ id, folder: path.join(versions, id), pids }];
  });
  for (const id of ids.filter((each) => !inUse.some((kept) => kept.id === each))) {
    await removeVersion(host, versions, id);
  }
  await files.rmdir(versions).catch(() => {});
  return inUse;
}

async function usualMade({ host }: Installing, data: string): Promise<readonly Made[]> {
  const launcher = await findLauncher(host, data);
  const links = usualLinks({ data, bin: path.dirname(launcher) });
  return [
    { kind: "launcher", path: launcher },
    ...links.map((link) => ({ kind: "link" as const, ...link })),
  ];
}

/** Where install.sh works. One that was killed, and a download that broke off, leave something there. */
async function removeInstallerFolder(
  host: Host,
  data: string,
  made: readonly Made[],
): Promise<void> {
  const { files, home } = host;
  const inHome = path.join(home, ".local/bin/heros");
  if (!made.some((entry) => entry.kind === "launcher" && entry.path === inHome)) {
    const inPrefix = path.resolve(data, "../../.heros-install");
    await files.rm(inPrefix, { recursive: true, force: true });
    return;
  }
  const folder = path.join(folderOfVariable(host, "XDG_CACHE_HOME", ".cache"), "heros");
  await files.rm(path.join(folder, "install"), { recursive: true, force: true });
  await files.rmdir(folder).catch(() => {});
}

/** @returns why it stays; null where it is gone, or a folder, whose turn comes last */
async function remove({ host }: Installing, data: string, entry: Made): Promise<string | null> {
  if (entry.kind !== "folder") await removeUnfinished(host, entry.path);
  switch (entry.kind) {
    case "launcher": {
      const found = await readLauncher(host, entry.path);
      if (found.kind !== "ours") return found.kind === "none" ? null : "it is not from heros";
      if (!(await startsFrom(host, found.text, data))) return "it starts another installation";
      await host.files.rm(entry.path);
      return null;
    }
    case "link":
      return removeLink(host, data, entry);
    case "line": {
      const { path: file, line, whole } = entry;
      await removeLine(host, { file, line, whole });
      return null;
    }
    case "folder":
      return null;
  }
}
