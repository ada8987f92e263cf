import { channelOf, isFromNpm, platformOf, readTree, treeOfApp } from "../../release/tree.ts";
import type { Work } from "../command-request.ts";

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
