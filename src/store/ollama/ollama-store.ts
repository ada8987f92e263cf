import { dirname, join } from "node:path";
import type { Files, Host } from "../../host/host.ts";
import { openUnlinked, ownUid } from "../../host/own-file.ts";
import { findDangling, userName } from "../../host/places.ts";
import { countBytes } from "../../run/byte-ranges.ts";
import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { ListedFile } from "../../run/repos/file-listing.ts";
import { calledOllama, ollamaManifestPath, parseOllamaRepo } from "../../run/repos/ollama.ts";
import {
  type ContentPlace,
  moveFile,
  nearestThere,
  openContents,
  whileLocked,
  writeSafely,
} from "../contents.ts";
import type { Hashing } from "../hashing.ts";
import {
  failureOfFiles,
  freeSpace,
  type Holding,
  type NeededSpace,
  type Publication,
  type Store,
  type Survey,
  type SurveyedItem,
  type SurveyedSnapshot,
  type WantedBlob,
} from "../store.ts";
import {
  blobPath,
  isManifestFile,
  manifestPath,
  type OllamaPlaces,
  ollamaPlacesOf,
  openOllamaPlaces,
  placeIn,
  readManifestFile,
  removeEmpty,
  storedModels,
  unfinishedModels,
} from "./places.ts";

export interface OllamaStoreOptions {
  readonly host: Pick<Host, "files" | "fileLocks" | "routes" | "clock" | "home">;
  /** As `findOllamaModels` finds it. */
  readonly modelsDir: string;
  readonly hashing?: Hashing | undefined;
}

/** The folder that `ollama` reads. A model appears there whole: its blobs first, and its manifest as the last. */
export function openOllamaStore(options: OllamaStoreOptions): Store {
  const { host, modelsDir, hashing } = options;
  const { files } = host;
  const seen = ollamaPlacesOf(modelsDir);
  /** With links followed, once something is to be written. */
  let opened: OllamaPlaces | null = null;
  const open = (): OllamaPlaces => {
    if (opened === null) throw new Error("Ollama's folder was not prepared");
    return opened;
  };
  const placeOf = (blob: WantedBlob): ContentPlace => placeIn(open(), blob);
  const contents = openContents({ host, hashing, placeOf });

  return {
    ...contents,
    folder: modelsDir,
    locate: () => modelsDir,
    async commitOf(repo, revision) {
      if (revision.startsWith("sha256:")) return revision;
      const named = parseOllamaRepo(repo);
      if (named === null) return null;
      const path = ollamaManifestPath(named, revision);
      const found =
        (await readManifestFile(files, manifestPath(seen, path))) ??
        (await readManifestFile(files, join(seen.staging, path)));
      return found?.digest ?? null;
    },
    async listSnapshot(repo, commit) {
      const [whole, unfinished] = await Promise.all([
        storedModels(files, seen, repo),
        unfinishedModels(files, seen, repo),
      ]);
      return [...whole, ...unfinished].find(({ digest }) => digest === commit)?.files ?? [];
    },
    hasFile: (_repo, _commit, file) => isInPlace(files, seen, file),
    async lookUp(_repo, file) {
      return (await isHere(seen, file))
        ? { cached: true, held: [] }
        : heldOf(file, await contents.bootId());
    },
    freeBytes: () => freeSpace(files, seen.staging),
    findObstacle: (survey, item) => findObstacle(options, survey, item),
    neededSpace: (survey) => neededSpace(files, seen, survey),

    async prepare(blobs) {
      if (blobs.length === 0) return;
      await files.mkdir(modelsDir, { recursive: true });
      const { staging, locks } = await openOllamaPlaces(files, modelsDir);
      await files.mkdir(staging, { recursive: true });
      await files.mkdir(locks, { recursive: true });
      // Judged again now that the folders are there, and a link could be in the place of one.
      opened = await openOllamaPlaces(files, modelsDir);
    },
    requireNames: () => Promise.resolve(),
    migrate: () => Promise.resolve(),
    async has(blob) {
      return isHere(open(), blob);
    },
    async openPartial(blob, noteBytes) {
      const bootId = await contents.bootId();
      const [{ readPartial }, { findLeftHalf, takeOver }] = await Promise.all([
        import("../partial.ts"),
        import("./left-half.ts"),
      ]);
      const place = placeOf(blob);
      const own = await readPartial(files, place, blob, bootId).catch(() => []);
      const left = own.length > 0 ? null : await findLeftHalf(files, open(), blob);
      if (left !== null) await takeOver(files, left, { place, blob, bootId });
      return contents.openPartial(blob, noteBytes);
    },

    publish: (publication) => publish(options, publication),
    async tidy() {
      if (opened !== null) await files.rmdir(opened.staging).catch(() => {});
    },
    failureOf: (error) => failureOfFiles(error, modelsDir, "ollama"),
  };

  /** Verified, or where `ollama` reads it. */
  async function isHere(places: OllamaPlaces, file: ListedFile): Promise<boolean> {
    return (await isStaged(files, places, file)) || isInPlace(files, places, file);
  }

  /** What can be trusted of our own partial, or else of what Ollama left half done. */
  async function heldOf(file: ListedFile, bootId: string): Promise<Holding> {
    if (file.sizeBytes === 0) return { cached: false, held: [] };
    const [{ readPartial }, { findLeftHalf }] = await Promise.all([
      import("../partial.ts"),
      import("./left-half.ts"),
    ]);
    const place = placeIn(seen, file);
    const own = await readPartial(files, place, file, bootId).catch(() => []);
    if (own.length > 0) return { cached: false, held: own };
    return { cached: false, held: (await findLeftHalf(files, seen, file))?.held ?? [] };
  }
}

/** Whether a file is where `ollama` reads it. Of a blob the size tells, as to Ollama its name alone does. */
async function isInPlace(
  files: Pick<Files, "open" | "stat">,
  places: Pick<OllamaPlaces, "blobs" | "manifests">,
  file: ListedFile,
): Promise<boolean> {
  if (!isManifestFile(file)) return isOfSize(files, blobPath(places, file.blobName), file);
  const found = await readManifestFile(files, manifestPath(places, file.path));
  return found?.digest === `sha256:${file.blobName}`;
}

/** Whether a verified file waits for the rest of its model. A manifest's name may stand for another one by now. */
async function isStaged(
  files: Pick<Files, "open" | "stat">,
  places: OllamaPlaces,
  file: ListedFile,
): Promise<boolean> {
  const { content } = placeIn(places, file);
  if (!isManifestFile(file)) return isOfSize(files, content, file);
  return (await readManifestFile(files, content))?.digest === `sha256:${file.blobName}`;
}

async function isOfSize(
  files: Pick<Files, "stat">,
  path: string,
  { sizeBytes }: Pick<ListedFile, "sizeBytes">,
): Promise<boolean> {
  const found = await files.stat(path).catch(() => null);
  return found !== null && found.isFile() && found.size === sizeBytes;
}

/**
 * Moves what was fetched of a model to where `ollama` reads it, and then its manifest.
 * @throws Failure `cache.changed` where a layer is gone that was there before; Node's errors, AbortError
 */
async function publish(
  { host, modelsDir }: OllamaStoreOptions,
  { survey, item, lockRetryMs, signal }: Publication,
): Promise<void> {
  const [snapshot] = item.snapshots;
  if (snapshot === undefined) return;
  const listed = filesOf(survey, snapshot);
  if (!snapshot.files.every(({ linked }) => linked)) {
    const places = await openOllamaPlaces(host.files, modelsDir);
    const lock = join(places.locks, "heros-publish.lock");
    await whileLocked(host, { lock, lockRetryMs, signal }, () =>
      publishSnapshot(host.files, places, { snapshot, listed, signal }),
    );
  }
  await sweep(host, modelsDir, listed).catch(() => {});
}

/** Removes what a kill, or a pull of Ollama's own, left of files that are in their place by now. What can't be removed harms nobody. */
async function sweep(
  { files, fileLocks }: Pick<Host, "files" | "fileLocks">,
  modelsDir: string,
  listed: readonly ListedFile[],
): Promise<void> {
  if ((await files.lstat(ollamaPlacesOf(modelsDir).staging).catch(() => null)) === null) return;
  const places = await openOllamaPlaces(files, modelsDir);
  for (const file of listed) {
    const { content, partial, journal, lock } = placeIn(places, file);
    const found = await Promise.all(
      [content, partial, journal].map((path) => files.lstat(path).catch(() => null)),
    );
    if (found.some((each) => each !== null) && (await fileLocks.acquire(lock)) !== "busy") {
      try {
        for (const path of [content, partial, journal]) await files.rm(path, { force: true });
      } finally {
        fileLocks.release(lock);
      }
    }
    if (isManifestFile(file)) await removeEmpty(files, dirname(content), places.staging);
  }
}

/** The snapshot's files with their sizes. */
function filesOf({ blobs }: Survey, snapshot: SurveyedSnapshot): ListedFile[] {
  const byName = new Map(blobs.map((blob) => [blob.blobName, blob]));
  return snapshot.files.flatMap(({ path, blobName }) => {
    const blob = byName.get(blobName);
    return blob === undefined ? [] : [{ ...blob, path }];
  });
}

async function publishSnapshot(
  files: Host["files"],
  places: OllamaPlaces,
  {
    snapshot: { repo, revision },
    listed,
    signal,
  }: {
    readonly snapshot: SurveyedSnapshot;
    readonly listed: readonly ListedFile[];
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const named = parseOllamaRepo(repo);
  const gone = (path: string): Failure =>
    failure("cache.changed", {
      repo: named === null ? repo : calledOllama(named, revision),
      path: path.startsWith("sha256:") ? "A layer" : "The manifest",
    });
  const layers = listed.filter((file) => !isManifestFile(file));
  for (const file of layers) {
    const { path, blobName, sizeBytes } = file;
    if (await isInPlace(files, places, file)) continue;
    const from = placeIn(places, file).content;
    if (!(await isStaged(files, places, file))) throw gone(path);
    const to = blobPath(places, blobName);
    await files.mkdir(dirname(to), { recursive: true });
    const ranges = sizeBytes === 0 ? [] : [{ start: 0, end: sizeBytes }];
    await moveFile(files, { from, to, sizeBytes, ranges }, signal);
  }
  for (const file of listed.filter(isManifestFile)) {
    const { content, partial } = placeIn(places, file);
    const path = manifestPath(places, file.path);
    if (!(await isInPlace(files, places, file))) {
      const staged = await readManifestFile(files, content);
      if (staged?.digest !== `sha256:${file.blobName}`) throw gone(file.path);
      await writeSafely(files, { path, temporary: partial, bytes: staged.bytes });
    }
  }
  await giveToOwner(files, places, listed);
  // Ollama removes what no manifest names when it starts: it may have done so a moment before.
  for (const file of layers) {
    if (!(await isInPlace(files, places, file))) throw gone(file.path);
  }
}

/** What root put into somebody else's folder is theirs, so that their Ollama can remove it. */
async function giveToOwner(
  files: Pick<Files, "open" | "stat">,
  places: OllamaPlaces,
  listed: readonly ListedFile[],
): Promise<void> {
  const { uid, gid } = await files.stat(places.root);
  if (uid === 0 || (await ownUid(files)) !== 0) return;
  const paths = new Set<string>();
  for (const file of listed) {
    const path = isManifestFile(file)
      ? manifestPath(places, file.path)
      : blobPath(places, file.blobName);
    const top = isManifestFile(file) ? places.manifests : places.blobs;
    for (let each = path; each.startsWith(top); each = dirname(each)) paths.add(each);
  }
  for (const path of paths) {
    const handle = await openUnlinked(files, path);
    try {
      if ((await handle.stat()).uid === 0) await handle.chown(uid, gid);
    } finally {
      await handle.close();
    }
  }
}

const writeAndSearch = 2 | 1;

/** Ollama of the whole machine keeps its models in a folder of its own user's. */
async function findObstacle(
  { host, modelsDir }: OllamaStoreOptions,
  { blobs }: Survey,
  { snapshots }: SurveyedItem,
): Promise<Failure | null> {
  const { files, home } = host;
  const unlinked = snapshots.flatMap((each) => each.files.filter(({ linked }) => !linked));
  if (unlinked.length === 0) return null;
  const dangling = await findDangling(files, modelsDir);
  if (dangling !== null) return failure("ollama.broken_link", dangling);
  const places = await openOllamaPlaces(files, modelsDir).catch((error: unknown) =>
    error instanceof Failure ? error : ollamaPlacesOf(modelsDir),
  );
  if (places instanceof Failure) return places;
  const names = unlinked.filter(isManifestFile).map(({ path }) => manifestPath(places, path));
  const lacking = unlinked.length > names.length ? [places.blobs] : [];
  const staged = blobs.some(({ cached }) => !cached) ? [places.staging, places.locks] : [];
  for (const folder of [...staged, ...lacking, ...names.map(dirname)]) {
    const nearest = await nearestThere(files, folder);
    if (nearest === null) continue;
    const { path: existing, isFolder } = nearest;
    if (!isFolder) {
      const error = Object.assign(new Error(`ENOTDIR: ${existing}`), {
        code: "ENOTDIR",
        path: existing,
      });
      const told = failureOfFiles(error, modelsDir, "ollama");
      return told instanceof Failure ? told : null;
    }
    const refused = await files.access(existing, writeAndSearch).then(
      () => null,
      (error: unknown) => error,
    );
    if (refused === null) continue;
    const owner = await files.stat(existing).then(
      ({ uid }) => userName(files, uid),
      () => null,
    );
    const data = { why: "closed", folder: modelsDir, existing, home, owner } as const;
    return failure("ollama.not_writable", data, refused);
  }
  return null;
}

/** What is to come, and what is to be copied too: into a `blobs` folder that is on another disk. */
async function neededSpace(
  files: Pick<Files, "stat" | "statfs">,
  places: OllamaPlaces,
  { models, blobs }: Survey,
): Promise<readonly NeededSpace[]> {
  const unlinked = new Set(
    models.flatMap(({ snapshots }) =>
      snapshots.flatMap((each) =>
        each.files.flatMap((file) => (file.linked ? [] : [file.blobName])),
      ),
    ),
  );
  const sum = (of: readonly { readonly sizeBytes: number }[]): number =>
    of.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  const lacking = blobs.filter(({ cached }) => !cached);
  const heldBytes = lacking.reduce((bytes, { held }) => bytes + countBytes(held), 0);
  const need = async (folder: string, bytes: number): Promise<NeededSpace> => {
    const disk = (await nearestThere(files, folder))?.disk ?? 0;
    return {
      disk,
      folder: places.root,
      what: "models",
      bytes,
      freeBytes: await freeSpace(files, folder),
    };
  };
  const coming = await need(places.staging, sum(lacking) - heldBytes);
  const copied = await need(
    places.blobs,
    sum(blobs.filter(({ blobName }) => unlinked.has(blobName))),
  );
  return copied.disk === coming.disk ? [coming] : [coming, copied];
}
