import { join } from "node:path";
import type { Host } from "../host/host.ts";

const prefix = "heros-demo-";
/** In each demo's folder: the process that it belongs to, and that process's PID namespace. */
const ownerFile = "owner";

/** Makes a folder for a demo, and removes those that demos left which were killed. */
export async function openDemoFolder(host: Host, parent: string): Promise<string> {
  await removeOrphans(host, parent);
  const folder = await host.files.realpath(await host.files.mkdtemp(join(parent, prefix)));
  await host.files.writeFile(join(folder, ownerFile), await ownerLine(host));
  return folder;
}

/** Makes a folder that another process left this one's. */
export async function claimDemoFolder(host: Host, folder: string): Promise<string> {
  await host.files.writeFile(join(folder, ownerFile), await ownerLine(host));
  return folder;
}

/** Removes the folder, or gives it to the person or to another process, and then no later demo touches it. */
export async function closeDemoFolder(host: Host, folder: string, keep: boolean): Promise<void> {
  if (keep) await host.files.rm(join(folder, ownerFile), { force: true });
  else await host.files.rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function removeOrphans(host: Host, parent: string): Promise<void> {
  const names = await host.files.readdir(parent).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const folder = join(parent, name);
    if (await isOrphan(host, folder)) {
      // Another's, and so not to be removed by us.
      await host.files.rm(folder, { recursive: true, force: true }).catch(() => {});
    }
  }
}

/** Its owner is of our PID namespace, and is gone. In doubt it is not. */
async function isOrphan(host: Host, folder: string): Promise<boolean> {
  const line = await host.files.readFile(join(folder, ownerFile), "utf8").catch(() => "");
  const [, pid, namespace] = /^(\d+) (\S+)$/.exec(line) ?? [];
  if (pid === undefined || namespace !== (await pidNamespace(host))) return false;
  return host.files.access(`/proc/${pid}`).then(
    () => false,
    () => true,
  );
}

async function ownerLine(host: Host): Promise<string> {
  const namespace = await pidNamespace(host);
  return namespace === null ? "" : `${host.pid} ${namespace}`;
}

/** Null where there is no /proc. */
async function pidNamespace(host: Host): Promise<string | null> {
  return host.files.readlink("/proc/self/ns/pid").catch(() => null);
}
