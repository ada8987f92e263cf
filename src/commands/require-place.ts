import { lookAtPlace } from "../host/place.ts";
import type { Survey } from "../store/store.ts";
import { placeFailure } from "../checks/disks.ts";
import type { FilePlace } from "../run/file-failures.ts";
import { danglingLink } from "../run/folder-failures.ts";
import type { Work } from "./request.ts";

/** Whether something still has to be written to the cache: a blob, or a name of one. */
export function isIncomplete({ blobs, models }: Pick<Survey, "blobs" | "models">): boolean {
  const files = models.flatMap(({ snapshots }) => snapshots.flatMap((each) => each.files));
  return blobs.some(({ cached }) => !cached) || files.some(({ linked }) => !linked);
}

/** Before anything is written: a cache that has all of the survey may be read-only. @throws Failure `cache.…`, `disk.…` (exit 1) */
export async function requirePlace(work: Pick<Work, "host">, survey: Survey): Promise<void> {
  if (isIncomplete(survey)) await requireWritable(work, survey.cacheDir);
}

/** Whether models, or Annie's files, can be kept there. @throws Failure `cache.…`, `stack.…`, `disk.…` (exit 1) */
export async function requireWritable(
  { host }: Pick<Work, "host">,
  folder: string,
  area: FilePlace["area"] = "cache",
): Promise<void> {
  const failure = placeFailure(await lookAtPlace(host, folder), { area, home: host.home });
  if (failure !== null) throw failure;
}

/** A cache behind a link to a disk that is not mounted is not an empty one. @throws Failure `cache.broken_link` (exit 1) */
export async function requireMounted(
  { host }: Pick<Work, "host">,
  cacheDir: string,
): Promise<void> {
  const { dangling } = await lookAtPlace(host, cacheDir);
  if (dangling !== null) throw danglingLink(dangling.link, dangling.target);
}
