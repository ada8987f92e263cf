import path from "node:path";
import {
  cacheServiceText,
  dockerRunFlags,
  mountCache,
  type SharedCache,
  unknownReader,
} from "../../deploy/compose/cache-mount.ts";
import { ownUid } from "../../host/own-file.ts";
import { isThere } from "../../host/places.ts";
import { mountOf } from "../../plan/storage.ts";
import { failure } from "../../run/failures/table.ts";
import { quoted } from "../../run/shell-quote.ts";
import { findHubHome } from "../../source/hub/environment.ts";
import type { Work } from "../command-request.ts";
import type { GatheredSettings } from "../gather-settings.ts";
import { recallAnswers } from "../remembered-answers.ts";
import { modelsPlace, storageOf } from "../models-place.ts";

export interface ShareRequest {
  readonly settings: GatheredSettings;
  /** Of the compose file in the stack's folder; none to print what any container needs. */
  readonly services: readonly string[];
  readonly readOnly: boolean;
  /** Where the services' file goes, as typed; null for the usual name. */
  readonly write: string | null;
  /** Show the file, and write nothing. */
  readonly dryRun: boolean;
}

/**
 * `heros cache share`: how a container of the user's gets the Hub cache of this machine; for services of a compose file it
 * writes that into a file of its own.
 * @returns the lines of the answer
 * @throws Failure `cache.share_…` (1, 2), `stack.…` (1, 2), those of docker (4); AbortError
 */
export async function shareCache(work: Work, request: ShareRequest): Promise<readonly string[]> {
  const cache = await findShared(work, request);
  if (request.services.length > 0) {
    const { shareWithServices } = await import("./services.ts");
    return shareWithServices(work, request, cache);
  }
  if (request.write !== null) {
    const complaint = "--write needs the services that get the cache: heros cache share SERVICE";
    throw failure("usage.wrong", { complaint });
  }
  const mount = mountCache(cache, unknownReader);
  work.emit({ type: "cache.shared", service: null, run: dockerRunFlags(mount), ...mount });
  if (!cache.readOnly) await tellRootsFiles(work, null, cache.cacheDir);
  await tellToken(work, cache);
  return [
    `docker run ${dockerRunFlags(mount)} IMAGE`,
    "",
    "In a compose file, for the service:",
    ...cacheServiceText(mount)
      .trimEnd()
      .split("\n")
      .map((line) => `  ${line}`),
    "",
    `To have it written: heros cache share SERVICE --stack-dir DIR${cache.readOnly ? " --read-only" : ""}`,
  ];
}

/** Where models are, by the rule of all commands. @throws Failure `cache.share_…` */
async function findShared(
  { host, signal }: Work,
  { settings, readOnly }: ShareRequest,
): Promise<SharedCache> {
  const { cacheDir: given, stateDir, stackDir, decided } = settings;
  const volume = /^volume:(.+)$/u.exec(path.basename(given ?? ""))?.[1] ?? null;
  if (volume !== null) throw failure("cache.share_no_folder", { storage: given ?? "", volume });
  const remembered = await recallAnswers(host, stateDir, stackDir);
  if (given === null) {
    const storage = storageOf(decided, remembered);
    const mount = mountOf(storage);
    if (mount.kind !== "folder") {
      const name = mount.kind === "volume" ? mount.name : null;
      throw failure("cache.share_no_folder", { storage, volume: name });
    }
  }
  const { cacheDir } = await modelsPlace({ host, signal }, settings, remembered);
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/u.test(cacheDir)) {
    throw failure("cache.share_bad_path", { folder: cacheDir });
  }
  const stats = await host.files.stat(cacheDir).catch(() => null);
  if (stats === null || !stats.isDirectory()) {
    throw failure("cache.share_missing", { folder: cacheDir, isFolder: stats === null });
  }
  const home = findHubHome(host);
  const real = (place: string) => host.files.realpath(place).catch(() => place);
  // A link to another disk leads nowhere in a container that has only the folder around it.
  const isWithin = (await real(cacheDir)) === path.join(await real(home), "hub");
  const isUsual = cacheDir === path.join(home, "hub") && isWithin;
  return { cacheDir, hubHome: isUsual ? home : null, readOnly };
}

/** What a container downloads as root belongs to root. @param service null for one that nobody knows yet */
export async function tellRootsFiles(
  { host, emit }: Pick<Work, "host" | "emit">,
  service: string | null,
  cacheDir: string,
): Promise<void> {
  if ((await ownUid(host.files)) === 0) return;
  const { uid, gid } = await host.files.stat(cacheDir);
  const who = service === null ? "A container that runs as root" : `${service} runs as root, and`;
  const option =
    service === null
      ? `docker run --user ${uid}:${gid}, or`
      : `add user: "${uid}:${gid}" to ${service} in your compose file, or`;
  emit({
    type: "notice",
    level: "warning",
    code: "cache.share_root",
    message: `${who} leaves files of root's in the cache when it downloads there, and you can't change those.`,
    hint: `To avoid that, ${option} download with heros pull and share the cache with --read-only.`,
  });
}

/** The Hub's library keeps the token beside the cache. */
export async function tellToken(
  { host, emit }: Pick<Work, "host" | "emit">,
  { hubHome, readOnly }: SharedCache,
): Promise<void> {
  if (hubHome === null || readOnly) return;
  const file = path.join(hubHome, "token");
  if (!(await isThere(host, file))) return;
  emit({
    type: "notice",
    level: "warning",
    code: "cache.share_token",
    message: `Your Hub token is in ${quoted(file)}, where the container can read it.`,
    hint: "With --read-only, a container gets the models alone.",
  });
}
