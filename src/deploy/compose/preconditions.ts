import { failure } from "../../run/failures/table.ts";
import path from "node:path";
import type { Stack } from "../../catalog/stack.ts";
import type { Host } from "../../host/host.ts";
import { ownUid } from "../../host/own-file.ts";
import { userName } from "../../host/places.ts";
import { errorCode, type Failure } from "../../run/failure.ts";
import { hasVolume } from "../../docker/containers.ts";
import type { StackConfig, StackService } from "../../docker/compose.ts";
import type { StackChange } from "./deployment.ts";

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
    if (stranger) throw otherOwner(place, await userName(host.files, stranger.uid));
  }
}

function statIfThere(host: Host, file: string, how: "lstat" | "stat") {
  return host.files[how](file).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
}

function otherOwner(place: string, owner: string): Failure {
  return failure("stack.other_owner", { place, owner, asRoot: true });
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
    if ((mode & 0o222) === 0)
      throw failure("stack.not_writable", { why: "read-only", file: target });
    if (own !== 0 && uid !== own) throw sharedFile(target, await userName(host.files, uid));
    await requireOpen(host, path.dirname(target), path.dirname(target));
  }
}

async function requireOpen(host: Host, folder: string, existing: string): Promise<void> {
  await host.files.access(existing, 2 | 1).catch((error: unknown) => {
    if (errorCode(error) !== "EACCES") throw error;
    throw failure(
      "stack.not_writable",
      { why: "closed", folder, existing, home: host.home },
      error,
    );
  });
}

function sharedFile(file: string, owner: string): Failure {
  return failure("stack.other_owner", { place: file, owner, asRoot: false });
}

function fileInTheWay(file: string): Error {
  return Object.assign(new Error(`not a folder: ${file}`), { code: "ENOTDIR", path: file });
}

export interface KeptDataRequest {
  readonly host: Host;
  readonly stack: Pick<Stack, "passwords">;
  readonly config: StackConfig;
  /** The passwords that are to be made. */
  readonly passwords: readonly string[];
  /** The `.env` that they would stand in. */
  readonly envPath: string;
}

/**
 * A database keeps the password that it was made with: where its data are there, a new one locks everybody out.
 * @throws Failure `stack.password_lost` (exit 2)
 */
export async function requireNoData(request: KeptDataRequest): Promise<void> {
  const { host, stack, config, passwords, envPath } = request;
  for (const name of passwords) {
    const database = stack.passwords.find(({ variable }) => variable === name);
    if (database === undefined) continue;
    const isOf = (words: readonly string[], text: string) =>
      words.some((word) => text.toLowerCase().includes(word.toLowerCase()));
    const volumes = Object.values(config.services)
      .filter(({ image = "" }) => isOf(database.images, image))
      .flatMap((service) => service.volumes.filter(({ target }) => isOf(database.data, target)));
    for (const volume of volumes) {
      const place = await dataIn(host, config, volume);
      if (place !== null) throw passwordLost(name, place, envPath);
    }
  }
}

/** What a person would call the volume or the folder, where something is in it; null where nothing is. */
async function dataIn(
  host: Host,
  { volumeNames }: StackConfig,
  { type, source }: StackService["volumes"][number],
): Promise<string | null> {
  if (source === undefined) return null;
  if (type === "volume") {
    const name = volumeNames.get(source) ?? source;
    return (await hasVolume(host, name)) ? `the volume ${name}` : null;
  }
  if (type !== "bind") return null;
  try {
    return (await host.files.readdir(source)).length === 0 ? null : source;
  } catch (error) {
    // A database closes its folder to others.
    return errorCode(error) === "EACCES" ? source : null;
  }
}

function passwordLost(name: string, place: string, envPath: string): Failure {
  return failure("stack.password_lost", { name, place, envPath });
}
