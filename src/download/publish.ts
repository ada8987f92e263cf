import { dirname, join } from "node:path";
import type { Files } from "../host/host.ts";
import { commitPattern } from "../hub/listing.ts";
import { linkTarget, placesOf, type RepoPlaces } from "./cache-layout.ts";
import type { SurveyedSnapshot } from "./survey.ts";

type Doors = Pick<
  Files,
  "lstat" | "mkdir" | "symlink" | "rename" | "rm" | "readFile" | "writeFile" | "stat"
>;

/**
 * Makes a model's files visible, now that all its blobs are there: the snapshot's links, and last the ref. A new snapshot
 * appears as a whole, by one rename, because to Python a snapshot folder that is there is complete.
 */
export async function publishSnapshot(
  files: Doors,
  { cacheDir, snapshot, pid }: { cacheDir: string; snapshot: SurveyedSnapshot; pid: number },
): Promise<void> {
  const places = placesOf(cacheDir, snapshot.repo);
  const passing = join(places.root, `.heros-${pid}`);
  await linkFiles(files, snapshot, passing, places);
  await writeRef(files, snapshot, `${passing}-ref`, places);
}

async function linkFiles(
  files: Doors,
  snapshot: SurveyedSnapshot,
  passing: string,
  places: RepoPlaces,
): Promise<void> {
  const missing = snapshot.files.filter(({ linked }) => !linked);
  if (missing.length === 0) return;
  await files.mkdir(places.snapshots, { recursive: true });
  const there = await files.stat(snapshot.path).catch(() => null);
  if (there === null && (await linkAtOnce(files, snapshot, `${passing}-snapshot`))) return;
  for (const { path, blobName } of missing) {
    const place = join(snapshot.path, path);
    await makeFolders(files, snapshot.path, dirname(path));
    await files.rm(`${passing}-link`, { force: true });
    await files.symlink(linkTarget(path, blobName), `${passing}-link`);
    await files.rename(`${passing}-link`, place);
  }
}

/** The folders of a snapshot are its own: a link in place of one is replaced, and what it leads to left alone. */
async function makeFolders(files: Doors, root: string, folder: string): Promise<void> {
  let place = root;
  for (const part of folder.split("/").filter((name) => name !== ".")) {
    place = join(place, part);
    const found = await files.lstat(place).catch(() => null);
    if (found?.isSymbolicLink() === true) await files.rm(place);
  }
  await files.mkdir(place, { recursive: true });
}

/** False where another process made the folder meanwhile. */
async function linkAtOnce(
  files: Doors,
  snapshot: SurveyedSnapshot,
  passing: string,
): Promise<boolean> {
  await files.rm(passing, { recursive: true, force: true });
  const folders = new Set(snapshot.files.map(({ path }) => dirname(path)));
  for (const folder of folders) await files.mkdir(join(passing, folder), { recursive: true });
  for (const { path, blobName } of snapshot.files) {
    await files.symlink(linkTarget(path, blobName), join(passing, path));
  }
  try {
    await files.rename(passing, snapshot.path);
    return true;
  } catch (error) {
    await files.rm(passing, { recursive: true, force: true });
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
}

/** Without a line break: with one, Python's offline loading fails. A commit gets `refs/main` where there is none, for programs that name no revision. */
async function writeRef(
  files: Doors,
  { revision, commit }: SurveyedSnapshot,
  passing: string,
  places: RepoPlaces,
): Promise<void> {
  const pinned = commitPattern.test(revision);
  const place = join(places.refs, pinned ? "main" : revision);
  const found = await files.readFile(place, "utf8").catch(() => null);
  if (found === commit || (pinned && found !== null && found !== "")) return;
  await files.mkdir(dirname(place), { recursive: true });
  await files.rm(passing, { force: true });
  await files.writeFile(passing, commit, { flag: "wx" });
  await files.rename(passing, place);
}
