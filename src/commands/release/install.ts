import { install, launcherOf, requireFits } from "../../release/install.ts";
import { placesFor } from "../../release/installation.ts";
import { planLinks } from "../../release/shared-files.ts";
import { addLine, isOnPath, pathLine } from "../../release/shell-path.ts";
import { readTree, treeOfApp, channelOf, isFromNpm, platformOf } from "../../release/tree.ts";
import { failure } from "../../run/failures/table.ts";
import { quoted } from "../../run/shell-quote.ts";
import type { Work } from "../command-request.ts";

export interface ReleaseInstallRequest {
  /** Absolute: the folder that holds the program's package.json. */
  readonly appDir: string;
  readonly prefix: string | null;
  readonly modifyPath: boolean;
  readonly dryRun: boolean;
  readonly latest: boolean;
  readonly madeBelow: string | null;
  /** Only that it is installed is told. */
  readonly quiet: boolean;
}

/**
 * `heros release install`, which install.sh and `heros upgrade` run from a release that they unpacked and verified.
 * @returns the sentences of the closing page; the last is a command that works as it stands
 */
export async function performReleaseInstall(
  { host, emit, signal }: Work,
  { appDir, prefix, modifyPath, dryRun, latest, madeBelow, quiet }: ReleaseInstallRequest,
): Promise<readonly string[]> {
  const folder = await treeOfApp(host, appDir);
  if (folder === null) throw failure("release.no_tree", { folder: appDir });
  const tree = await readTree(host, folder);
  const places = placesFor(host, prefix);
  const launcher = launcherOf(places);
  const onPath = isOnPath(host, places.bin);
  const inPath = pathLine(host, places.bin);
  if (dryRun) {
    await requireFits(host, tree, places);
    const { linked, foreign } = await planLinks(host, folder, places);
    return [
      `Would install heros ${tree.version} in ${places.data}/versions/${tree.id}`,
      `Would make it the current version: ${places.data}/current`,
      `Would write ${launcher}`,
      ...linked.map((link) => `Would link ${link.path}`),
      ...foreign.map((link) => `Would leave ${link.path} as it is: it is not from heros`),
      ...(modifyPath && !onPath ? [`Would add to ${inPath.file}: ${inPath.line}`] : []),
    ];
  }
  const { version, changed } = await install({ host, emit, signal }, tree, places, {
    latest,
    madeBelow,
  });
  const done = changed
    ? `heros ${version} is installed: ${launcher}`
    : `heros ${version} is already installed: ${launcher}`;
  const told = onPath ? [] : await tellPath();
  return quiet ? [done] : [done, ...told, `${onPath ? "heros" : quoted(launcher)} setup`];

  async function tellPath(): Promise<readonly string[]> {
    if (modifyPath) {
      await addLine(host, places.data, inPath);
      return [`${places.bin} is on your PATH in new terminals (${inPath.file}). In this one:`];
    }
    const line = inPath.line.replace(/ # added by heros$/, "");
    return [
      `${places.bin} is not on your PATH. To add it, put this line into ${inPath.file}:`,
      line,
      "Next:",
    ];
  }
}

/** `heros version`: which heros this is, and where it is. */
export async function performVersion(
  { host, emit }: Pick<Work, "host" | "emit">,
  { appDir, version }: { readonly appDir: string; readonly version: string },
): Promise<readonly string[]> {
  const folder = await treeOfApp(host, appDir);
  const tree = folder === null ? null : await readTree(host, folder).catch(() => null);
  const builtBy = isFromNpm(appDir) ? "npm" : "checkout";
  emit({
    type: "version.read",
    version,
    platform: tree?.platform ?? platformOf(host),
    commit: tree?.commit ?? null,
    folder: folder ?? (await host.files.realpath(appDir)),
    channel: folder === null ? builtBy : await channelOf(host, folder, version),
  });
  return [];
}
