import path from "node:path";
import type { Host } from "../host/host.ts";
import { closedFolder } from "../progress/folder-failures.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { ownUid } from "../host/own-file.ts";
import { quoted } from "../progress/shell.ts";
import { errorCode } from "./files.ts";
import type { StackChange } from "./stack-plan.ts";

/**
 * The nearest folder that is there must let us write; that it is one shows when it is asked for what is below it.
 * @returns that folder
 */
export async function requireWritable(host: Host, folder: string): Promise<string> {
  let existing = folder;
  for (;;) {
    const found = await host.files.stat(existing).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return null;
      throw error;
    });
    if (found?.isDirectory() === false) throw fileInTheWay(existing);
    if (found !== null) break;
    const parent = path.dirname(existing);
    if (parent === existing) return existing;
    existing = parent;
  }
  await requireOpen(host, folder, existing);
  return existing;
}

/**
 * Root may write everywhere, and so must not write where somebody else rules: passwords and a token would be theirs to
 * read, and a link of theirs could lead anywhere.
 * @param paths of the stack; what is not there yet is nobody's
 * @throws Failure `stack.other_owner` (exit 1)
 */
export async function requireOwnOfRoot(host: Host, paths: readonly string[]): Promise<void> {
  if ((await ownUid(host.files)) !== 0) return;
  for (const place of paths) {
    const found = [await statIfThere(host, place, "lstat"), await statIfThere(host, place, "stat")];
    const stranger = found.find((stats) => stats !== null && stats.uid !== 0);
    if (stranger) throw otherOwner(place, await userName(host, stranger.uid));
  }
}

function statIfThere(host: Host, file: string, how: "lstat" | "stat") {
  return host.files[how](file).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
}

async function userName(host: Host, uid: number): Promise<string> {
  const users = await host.files.readFile("/etc/passwd", "utf8").catch(() => "");
  const line = users.split("\n").find((user) => user.split(":")[2] === String(uid));
  return line?.split(":")[0] ?? `#${uid}`;
}

function otherOwner(place: string, owner: string): Failure {
  return new Failure({
    code: "stack.other_owner",
    message: `${place} belongs to ${owner}, and heros is running as root.`,
    hint: `Run heros setup as ${owner}, without sudo. If Docker refuses: sudo usermod -aG docker ${quoted(owner)}, then log in again.`,
    exitCode: exitCodes.failed,
  });
}

/**
 * What is to be replaced must not be one that its owner made read-only, nor another user's, whose it could not stay, and
 * its folder must let us write.
 * @throws Failure `stack.not_writable`, `stack.other_owner` (exit 1)
 */
export async function requireReplaceable(
  host: Host,
  changes: readonly StackChange[],
): Promise<void> {
  const own = await ownUid(host.files);
  for (const { path: file, oldContent, action } of changes) {
    if (oldContent === null || action === "unchanged") continue;
    const target = await host.files.realpath(file);
    const { mode, uid } = await host.files.stat(target);
    if ((mode & 0o222) === 0) throw readOnlyFile(target);
    if (own !== 0 && uid !== own) throw sharedFile(target, await userName(host, uid));
    await requireOpen(host, path.dirname(target), path.dirname(target));
  }
}

async function requireOpen(host: Host, folder: string, existing: string): Promise<void> {
  await host.files.access(existing, 2 | 1).catch((error: unknown) => {
    if (errorCode(error) !== "EACCES") throw error;
    throw closedFolder({ folder, area: "stack", existing, home: host.home }, error);
  });
}

function readOnlyFile(file: string): Failure {
  return new Failure({
    code: "stack.not_writable",
    message: `heros needs to change ${file}, which is read-only.`,
    hint: `Make it writable with: chmod u+w ${quoted(file)}`,
    exitCode: exitCodes.failed,
  });
}

function sharedFile(file: string, owner: string): Failure {
  return new Failure({
    code: "stack.other_owner",
    message: `heros needs to change ${file}, which belongs to ${owner}.`,
    hint: `Run heros setup as ${owner}, or choose a folder of your own with --stack-dir.`,
    exitCode: exitCodes.failed,
  });
}

function fileInTheWay(file: string): Error {
  return Object.assign(new Error(`not a folder: ${file}`), { code: "ENOTDIR", path: file });
}
