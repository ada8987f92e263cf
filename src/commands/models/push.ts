import { join } from "node:path";
import type { CatalogModel } from "../../catalog/catalog.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { failure } from "../../run/failures/table.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { quoted } from "../../run/shell-quote.ts";
import { formatBytes } from "../../run/units.ts";
import { keyOf } from "../../source/model-manifest.ts";
import type { PlacedModel } from "../../source/placed-models.ts";
import { requireSound, verifyModels } from "../../store/hub-cache/verify.ts";
import { isWhole, type Survey, type SurveyedModel } from "../../store/store.ts";
import type { Fetching, Work } from "../command-request.ts";
import type { Placed } from "../models-place.ts";
import { createPushProgress } from "./push-progress.ts";
import { openTarget, type PushTarget, type Upload } from "./push-target.ts";
import { viewCache } from "./view-cache.ts";

export interface PushRequest {
  readonly fetching: Placed<Fetching>;
  /** `s3://bucket/prefix`, `file:///path` */
  readonly place: string;
  /** Of the catalog, and named ones. */
  readonly models: readonly CatalogModel[];
  /** Others that are in the cache. */
  readonly others: readonly CatalogModel[];
  /** What is not complete of a named one is an error; else it is left out. */
  readonly named: boolean;
}

interface PushedFile extends Upload {
  readonly path: string;
  readonly blobName: string;
}

/** One repository of one model. */
interface PushedRepo extends Omit<PlacedModel, "files"> {
  readonly files: readonly PushedFile[];
}

interface PushedModel {
  readonly model: SurveyedModel;
  readonly repos: readonly PushedRepo[];
}

const filesAtOnce = 8;

/**
 * Sends models from the cache into a bucket or a folder: each is verified first, and listed once all of it is there. What is
 * there is not sent again.
 * @returns the sentences of the closing page
 * @throws Failure `s3.…` (1, 2, 4, 5, 6), `folder.…` (1, 2, 5), `disk.…` (7), `models.damaged` (6); AbortError
 */
export async function pushModels(work: Work, request: PushRequest): Promise<string[]> {
  const { emit, signal } = work;
  const target = await openTarget(work, request.place);
  const { called } = target;
  const { survey, whole } = await findWhole(work, request);
  try {
    await target.begin();
    const planned = whole.map((model) => planOf(survey, model, target));
    const missing = new Set<Upload>();
    const all = planned.flatMap(({ repos }) => repos.flatMap(({ files }) => files));
    await sideBySide(all, 16, signal, async (file) => {
      if (!(await target.isStored(file))) missing.add(file);
    });
    await requireVerified(work, survey, planned, missing);

    const progress = createPushProgress(
      work,
      planned.map(({ model, repos }) => {
        const files = repos.flatMap((repo) => repo.files).filter((file) => missing.has(file));
        return {
          label: model.label,
          totalBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
        };
      }),
    );
    for (const { model, repos } of planned) {
      const onSent = (bytes: number): void => progress.sent(model.id, bytes);
      let sentBytes = 0;
      for (const repo of repos) {
        const files = repo.files.filter((file) => missing.has(file));
        const small = files.filter((file) => !target.isLarge(file));
        await sideBySide(small, filesAtOnce, signal, (file, either) =>
          target.send(file, onSent, either),
        );
        // The parts of one fill the line.
        for (const file of files.filter((each) => target.isLarge(each))) {
          await target.send(file, onSent, signal);
        }
        await target.list(repo);
        sentBytes += files.reduce((sum, file) => sum + file.sizeBytes, 0);
      }
      progress.done(model.id);
      const [first] = repos;
      if (first === undefined) continue;
      const { repo, commit } = first;
      emit({
        type: "model.pushed",
        id: model.id,
        title: model.title,
        repo,
        commit,
        place: called,
        sentBytes,
      });
    }
    progress.end();
    const sentBytes = [...missing].reduce((sum, file) => sum + file.sizeBytes, 0);
    const count = planned.length === 1 ? "1 model is" : `${planned.length} models are`;
    const sent = sentBytes === 0 ? "nothing had to be sent" : `${formatBytes(sentBytes)} sent now`;
    return [
      `${count} in ${called} (${sent}).`,
      `Download on another machine: heros pull ${quoted(called)}`,
    ];
  } catch (error) {
    signal.throwIfAborted();
    throw target.failureOf(error);
  } finally {
    target.end();
  }
}

/** @throws Failure `s3.not_cached`, `s3.only_hub_models` (exit 2) */
async function findWhole(
  work: Work,
  { fetching, models, others, named }: PushRequest,
): Promise<{ survey: Survey; whole: readonly SurveyedModel[] }> {
  const foreign = models.find(({ parts }) => parts.some(({ repo }) => schemeOf(repo) !== "hub"));
  if (foreign !== undefined) throw failure("s3.only_hub_models", { model: foreign.title });
  const { survey } = await viewCache(work, { fetching, models, others, ask: "unknown" });
  const whole = survey.models.filter(
    (model) =>
      isWhole(model) &&
      model.snapshots.every(({ files }) => files.every(({ blobName }) => blobName !== "")),
  );
  const absent = survey.models.filter((model) => !whole.includes(model)).map(({ id }) => id);
  if (named && absent.length > 0) throw failure("s3.not_cached", { models: absent });
  if (whole.length === 0) throw failure("s3.not_cached", { models: [] });
  return { survey, whole };
}

function planOf(
  { blobs }: Survey,
  model: SurveyedModel,
  place: Pick<PushTarget, "prefix">,
): PushedModel {
  const known = new Map(blobs.map((blob) => [`${blob.repo}\n${blob.blobName}`, blob]));
  const repos = model.snapshots.map(
    ({ repo, revision, commit, path: folder, files }): PushedRepo => {
      const pushed = files.flatMap(({ path, blobName }): PushedFile[] => {
        const blob = known.get(`${repo}\n${blobName}`);
        if (blob === undefined) return [];
        const { sizeBytes, hash } = blob;
        const key = keyOf(place, { repo, commit, path });
        return [{ path, blobName, key, sizeBytes, hash, file: join(folder, path) }];
      });
      return { repo, revision, commit, files: pushed };
    },
  );
  return { model, repos };
}

/** Hashes what is to be sent. @throws Failure `models.damaged` (exit 6) */
async function requireVerified(
  { host, emit, signal }: Work,
  survey: Survey,
  planned: readonly PushedModel[],
  missing: ReadonlySet<Upload>,
): Promise<void> {
  if (missing.size === 0) return;
  const names = new Set([...missing].map(({ file }) => file));
  const models = planned.map(({ model }) => ({
    ...model,
    snapshots: model.snapshots.map((snapshot) => ({
      ...snapshot,
      files: snapshot.files.filter(({ path }) => names.has(join(snapshot.path, path))),
    })),
  }));
  const part = { ...survey, models };
  const { damaged } = await verifyModels({ host, survey: part, whole: true, emit, signal });
  requireSound(damaged);
}
