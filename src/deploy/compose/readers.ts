import type { Host } from "../../host/host.ts";
import { lookAtPlace } from "../../host/places.ts";

/** File systems that keep no access lists of this kind. */
const withoutLists = /^(?:vfat|msdos|exfat|ntfs3?|fuse.*|cifs|smb3|smbfs|nfs4?|9p)$/;
const timeoutMs = 5000;

export type ReadersAnswer = "possible" | "no-setfacl" | "no-lists";

/** Whether single users can be let into files of a folder, or of the nearest one above it that is there. Nothing is written. */
export async function askReaders(host: Host, folder: string): Promise<ReadersAnswer> {
  const { fileSystem } = await lookAtPlace(host, folder);
  if (withoutLists.test(fileSystem?.type ?? "")) return "no-lists";
  const args = ["--version"];
  const { exitCode } = await host.processes.run({ command: "setfacl", args, timeoutMs });
  return exitCode === 0 ? "possible" : "no-setfacl";
}

/**
 * Lets these users read a file, and nobody else but its owner: by an access list, which its mode shows as 0640.
 * @returns false where that can't be done here
 */
export async function letRead(
  { processes }: Pick<Host, "processes">,
  file: string,
  uids: readonly number[],
): Promise<boolean> {
  const readers = uids.map((uid) => `u:${uid}:r`);
  const list = ["u::rw", ...readers, "g::-", "m::r", "o::-"].join(",");
  const args = ["--set", list, "--", file];
  const { exitCode } = await processes.run({ command: "setfacl", args, timeoutMs });
  return exitCode === 0;
}

/**
 * Whether others than the owner, and than users who were let in by name, can read or change a file. Where it has an access
 * list, the group's bits of its mode are the limit of what the list grants.
 */
export async function isOpenToOthers(
  { processes }: Pick<Host, "processes">,
  file: string,
  mode: number,
): Promise<boolean> {
  if ((mode & 0o077) === 0) return false;
  if ((mode & 0o007) !== 0) return true;
  const args = ["--omit-header", "--absolute-names", "--numeric", "--", file];
  const { exitCode, stdout } = await processes.run({ command: "getfacl", args, timeoutMs });
  if (exitCode !== 0 || !/^mask::/m.test(stdout)) return true;
  return /^group:[^:]*:(?!---)/m.test(stdout) || /^user:[^:]+:.w/m.test(stdout);
}
