import { basename } from "node:path";
import type { CatalogModel, RepoFiles } from "../../catalog/catalog.ts";
import type { UpdatedModel } from "../../run/events/cache.ts";
import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { countBytes } from "../../run/byte-ranges.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { commitPattern, type ListedFile, schemeOf } from "../../run/repos/file-listing.ts";
import { ollamaManifestPath, parseOllamaRepo } from "../../run/repos/ollama.ts";
import type { Source } from "../../source/source.ts";
import { placesOf } from "../../store/hub-cache/layout.ts";
import { readRef } from "../../store/hub-cache/look-up.ts";
import { planRepoRemoval, refsIn } from "../../store/hub-cache/remove.ts";
import { isManifestFile, ollamaPlacesOf, storedModels } from "../../store/ollama/places.ts";
import type { Store, Survey } from "../../store/store.ts";
import type { Work } from "../command-request.ts";
import { type ModelRequest, surveyModels } from "../download-models.ts";
import type { ModelPlaces } from "../models-place.ts";

export interface UpdateRequest {
  readonly places: ModelPlaces;
  readonly source: Source;
  readonly store: Store;
  readonly models: readonly CatalogModel[];
  /** `OWNER/REPO@COMMIT` */
  readonly pins: ReadonlySet<string>;
}

export interface UpdatePlan {
  readonly models: readonly UpdatedModel[];
  /** Of those that are newer at their source, with the files that are wanted of them. */
  readonly wanted: readonly ModelRequest[];
  /** Of the same, what is to come. */
  readonly survey: Survey;
  /** What is old once they are here, by store: `OWNER/REPO@COMMIT`, `sha256:…` of a blob. */
  readonly superseded: { readonly hub: readonly string[]; readonly ollama: readonly string[] };
  /** Why the newest of some of them is not known. */
  readonly problems: readonly Failure[];
}

/** A part of a model that follows a branch or a tag. */
interface FollowedPart {
  readonly part: RepoFiles;
  readonly from: string;
  readonly to: string;
  /** As the store has it. */
  readonly old: readonly ListedFile[];
  /** Of what the source has now, as `ModelRequest` names files. */
  readonly files: readonly string[] | null;
}

/** Asks what is newest of each model, and how it differs from what is here. Writes nothing. @throws AbortError */
export async function planUpdate(work: Work, request: UpdateRequest): Promise<UpdatePlan> {
  const { signal } = work;
  const source = askedOnce(request.source);
  const looked = await sideBySide(request.models, 8, signal, (model, either) =>
    lookAt({ ...request, source }, model, either),
  );
  const newer = looked.filter(({ told }) => told.state === "newer");
  const wanted = newer.map(({ model, parts }): ModelRequest => {
    const files = (part: RepoFiles) =>
      parts.find((each) => each.part === part)?.files ?? part.files;
    return { ...model, parts: model.parts.map((part) => ({ ...part, files: files(part) })) };
  });
  const { store } = request;
  const all = await surveyModels({ source, store, models: wanted, signal, lenient: true });
  const refused = await requireAll(request.source, all, signal);
  const able = wanted.filter(({ id }) => !refused.has(id));
  const survey =
    refused.size === 0
      ? all
      : await surveyModels({ source, store, models: able, signal, lenient: true });
  const models: UpdatedModel[] = [];
  const [hub, ollama]: [string[], string[]] = [[], []];
  const problems = looked.flatMap(({ problem }) => problem ?? []);
  for (const { model, parts, told } of looked) {
    const problem = refused.get(model.id);
    if (problem !== undefined) {
      problems.push(problem);
      models.push({ ...told, ...unknownState(problem) });
      continue;
    }
    if (told.state !== "newer") {
      models.push(told);
      continue;
    }
    models.push({ ...told, ...(await differences(work, request, { model, parts, survey })) });
    for (const { part, from, old } of parts) {
      if (schemeOf(part.repo) === "hub") hub.push(`${part.repo}@${from}`);
      else ollama.push(...old.filter((file) => !isManifestFile(file)).map(digestOf));
    }
  }
  return { models, wanted: able, survey, superseded: { hub, ollama }, problems };
}

const digestOf = ({ blobName }: ListedFile): string => `sha256:${blobName}`;

/** One answer for all who ask for the same. */
function askedOnce(source: Source): Source {
  const answers = new Map<string, ReturnType<Source["list"]>>();
  return {
    ...source,
    list(repo, revision, signal) {
      const key = `${repo}\n${revision}`;
      const answer = answers.get(key) ?? source.list(repo, revision, signal);
      answers.set(key, answer);
      return answer;
    },
  };
}

interface Looked {
  readonly model: CatalogModel;
  readonly told: UpdatedModel;
  readonly parts: readonly FollowedPart[];
  readonly problem: Failure | null;
}

async function lookAt(
  request: UpdateRequest,
  model: CatalogModel,
  signal: AbortSignal,
): Promise<Looked> {
  const { store, pins } = request;
  const [first] = model.parts;
  const from = await store.commitOf(first.repo, first.revision);
  const told = toldOf(model, from);
  const followed = model.parts.filter(
    ({ revision, digest }) => !isCommit(revision) && digest === undefined,
  );
  const isPinned = from !== null && pins.has(`${first.repo}@${from}`);
  if (followed.length === 0 || isPinned) {
    return { model, told: { ...told, state: "pinned", to: from }, parts: [], problem: null };
  }
  try {
    const parts: FollowedPart[] = [];
    for (const part of followed) {
      const found = await lookAtPart(request, part, signal);
      if (found !== null) parts.push(found);
    }
    const to = parts.find(({ part }) => part === first)?.to ?? from;
    const moved = parts.filter((part) => part.to !== part.from);
    const state = moved.length === 0 ? "current" : "newer";
    return { model, told: { ...told, state, to }, parts: moved, problem: null };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { model, told: { ...told, ...unknownState(error) }, parts: [], problem: error };
  }
}

function toldOf({ id, title, parts: [{ repo, revision }] }: CatalogModel, from: string | null) {
  const nothing = { added: 0, changed: 0, removed: 0, unchanged: 0 };
  const bytes = { downloadBytes: 0, freesBytes: 0 };
  return { id, title, repo, revision, from, to: null, ...nothing, ...bytes, problem: null };
}

function unknownState({ code, message, hint }: Failure) {
  return { state: "unknown", to: null, problem: { code, message, hint } } as const;
}

function isCommit(revision: string): boolean {
  return commitPattern.test(revision) || revision.startsWith("sha256:");
}

async function lookAtPart(
  { source, store }: UpdateRequest,
  part: RepoFiles,
  signal: AbortSignal,
): Promise<FollowedPart | null> {
  const { repo, revision } = part;
  const from = await store.commitOf(repo, revision);
  if (from === null) return null;
  const { commit: to, files: listed } = await source.list(repo, revision, signal);
  const old = await store.listSnapshot(repo, from).catch((error: unknown) => {
    if (error instanceof Failure) return [];
    throw error;
  });
  const found = { part, from, to, old };
  if (to === from || part.files !== null || schemeOf(repo) !== "hub") {
    return { ...found, files: part.files };
  }
  const whole = await source.list(repo, from, signal).catch((error: unknown) => {
    if (error instanceof Failure) return null;
    throw error;
  });
  const here = new Set(old.map(({ path }) => path));
  if (whole?.files.every(({ path }) => here.has(path)) === true) return { ...found, files: null };
  // Another program took some of the files: the same ones are wanted, unless it is not known which took their place.
  const there = new Set(listed.map(({ path }) => path));
  const gone = [...here].find((path) => !there.has(path));
  if (gone !== undefined) throw failure("update.file_gone", { repo, path: gone });
  return { ...found, files: [...here] };
}

/** Models whose bytes are refused, before the first one: gated, private. */
async function requireAll(
  source: Source,
  { models, blobs }: Survey,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Failure>> {
  const refused = new Map<string, Failure>();
  for (const { id, problem } of models) {
    if (problem !== null) refused.set(id, problem);
    const coming = blobs.filter(({ cached, neededBy }) => !cached && neededBy.includes(id));
    for (const { repo, commit, path } of new Map(
      coming.map((each) => [each.repo, each]),
    ).values()) {
      try {
        await source.requireAccess(repo, commit, path, signal);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        refused.set(id, error);
      }
    }
  }
  return refused;
}

/** Files and bytes between what is here of a model and what is newest. */
async function differences(
  work: Work,
  { places, pins }: UpdateRequest,
  { model, parts, survey }: Pick<Looked, "model" | "parts"> & { readonly survey: Survey },
) {
  const counts = { added: 0, changed: 0, removed: 0, unchanged: 0 };
  const snapshots = survey.models.find(({ id }) => id === model.id)?.snapshots ?? [];
  let freesBytes = 0;
  for (const { part, from, to, old } of parts) {
    const files = snapshots.find(({ repo, commit }) => repo === part.repo && commit === to)?.files;
    const before = new Map(old.map(({ path, blobName }) => [path, blobName]));
    for (const { path, blobName } of files ?? []) {
      const was = before.get(path);
      counts[was === undefined ? "added" : was === blobName ? "unchanged" : "changed"] += 1;
      before.delete(path);
    }
    counts.removed += before.size;
    const needed = new Set((files ?? []).map(({ blobName }) => blobName));
    freesBytes +=
      schemeOf(part.repo) === "hub"
        ? await freedOfHub(work, places, { part, from, needed, pins })
        : await freedOfOllama(work, places, { part, from, old, needed });
  }
  const own = survey.blobs.filter(({ neededBy, cached }) => neededBy.includes(model.id) && !cached);
  const downloadBytes = own.reduce((sum, blob) => sum + blob.sizeBytes - countBytes(blob.held), 0);
  return { ...counts, downloadBytes, freesBytes };
}

async function freedOfHub(
  { host: { files } }: Work,
  { cacheDir }: ModelPlaces,
  {
    part: { repo, revision },
    from,
    needed,
    pins,
  }: {
    readonly part: RepoFiles;
    readonly from: string;
    readonly needed: ReadonlySet<string>;
    readonly pins: ReadonlySet<string>;
  },
): Promise<number> {
  if (pins.has(`${repo}@${from}`)) return 0;
  const { refs } = placesOf(cacheDir, repo);
  for (const name of await refsIn(files, refs)) {
    if (name !== revision && (await readRef(files, refs, name)).trim() === from) return 0;
  }
  const plan = await planRepoRemoval(files, cacheDir, { repo, commits: new Set([from]) });
  const going = plan.files.filter(({ file }) => !needed.has(basename(file)));
  return going.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function freedOfOllama(
  { host: { files } }: Work,
  { ollamaDir }: ModelPlaces,
  {
    part: { repo, revision },
    from,
    old,
    needed,
  }: {
    readonly part: RepoFiles;
    readonly from: string;
    readonly old: readonly ListedFile[];
    readonly needed: ReadonlySet<string>;
  },
): Promise<number> {
  const named = parseOllamaRepo(repo);
  const own = named && ollamaManifestPath(named, revision);
  const all = await storedModels(files, ollamaPlacesOf(ollamaDir));
  const others = new Set(
    all
      .filter(({ name, digest }) => digest !== from || ollamaManifestPath(name, name.tag) !== own)
      .flatMap((each) => each.files.map(({ blobName }) => blobName)),
  );
  return old
    .filter((file) => !isManifestFile(file) && !needed.has(file.blobName))
    .filter(({ blobName }) => !others.has(blobName))
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
