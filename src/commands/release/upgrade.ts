import { rollBack } from "../../release/install.ts";
import { dataOfTree } from "../../release/installation.ts";
import { treeOfApp } from "../../release/tree.ts";
import { failure } from "../../run/failures/table.ts";
import type { Work } from "../command-request.ts";

/** `heros upgrade --rollback`: back to the version that was installed before. */
export async function performRollback(
  { host, emit, signal }: Work,
  { appDir }: { readonly appDir: string },
): Promise<readonly string[]> {
  const folder = await treeOfApp(host, appDir);
  const data = folder === null ? null : await dataOfTree(host, folder);
  if (data === null) throw failure("release.not_installed", { folder: folder ?? appDir });
  const { from, to } = await rollBack({ host, emit, signal }, data);
  return [`heros ${to} is current again; heros ${from} was before.`];
}
