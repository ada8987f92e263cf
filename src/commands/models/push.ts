import { join } from "node:path";
import type { CatalogModel } from "../../catalog/catalog.ts";
import { sideBySide } from "../../run/concurrency.ts";
import { failure } from "../../run/failures/table.ts";
import { schemeOf } from "../../run/repos/file-listing.ts";
import { calledS3, parseS3 } from "../../run/repos/s3.ts";
import { formatBytes } from "../../run/units.ts";
import { createAskAgain, patienceMs } from "../../source/retry-policy.ts";
import { readManifest } from "../../source/s3/bucket.ts";
import { openS3 } from "../../source/s3/client.ts";
import { failureOfError } from "../../source/s3/failures.ts";
import { keyOf } from "../../source/model-manifest.ts";
import type { PlacedModel } from "../../source/placed-models.ts";
import { isStored, listModel, partBytesOf, sendFile, type Upload } from "../../source/s3/upload.ts";
import { requireSound, verifyModels } from "../../store/hub-cache/verify.ts";
import { isWhole, type Survey, type SurveyedModel } from "../../store/store.ts";
import type { Fetching, Work } from "../command-request.ts";
import type { Placed } from "../models-place.ts";
import { tellHubWait } from "../open-hub.ts";
import { createPushProgress } from "./push-progress.ts";
import { viewCache } from "./view-cache.ts";

export interface PushRequest {
  readonly fetching: Placed<Fetching>;
  /** `s3://bucket/prefix` */
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
 * Sends models from the cache into a bucket: each is verified first, and listed once all of it is there. What the bucket
 * has is not sent again.
 * @returns the sentences of the closing page
 * @throws Failure `s3.…` (1, 2, 4, 5, 6), `models.damaged` (6); AbortError
 */
export async function pushModels(work: Work, request: PushRequest): Promise<string[]> {
  const { host, emit, signal } = work;
  const place = parseS3(request.place);
  const called = calledS3(place);
  const { survey, whole } = await findWhole(work, request);
  const client = await openS3(host, place);
  const again = createAskAgain(host, tellHubWait(emit));
  const ask = <T>(call: () => Promise<T>): Promise<T> => again(call, { signal, forMs: patienceMs });
  const asking = { client, ask, signal };
  try {
    // Whoever may not is told so before anything is hashed: an answer to HEAD has no words.
    await ask(() => readManifest(client, signal));
    const planned = whole.map((model) => planOf(survey, model, request.place));
    const missing = new Set<Upload>();
    const all = planned.flatMap(({ repos }) => repos.flatMap(({ files }) => files));
    await sideBySide(all, 16, signal, async (file) => {
      if (!(await isStored(asking, file))) missing.add(file);
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
      const sending = {
        ...asking,
        files: host.files,
        onSent: (bytes: number) => progress.sent(model.id, bytes),
      };
      let sentBytes = 0;
      for (const repo of repos) {
        const files = repo.files.filter((file) => missing.has(file));
        const isLarge = ({ sizeBytes }: Upload): boolean => sizeBytes > partBytesOf(sizeBytes);
        const small = files.filter((file) => !isLarge(file));
        await sideBySide(small, filesAtOnce, signal, (file, either) =>
          sendFile({ ...sending, signal: either }, file),
        );
        // The parts of one fill the line.
        for (const file of files.filter(isLarge)) await sendFile(sending, file);
        await listModel(asking, repo);
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
      `Download on another machine: heros pull ${called}`,
    ];
  } catch (error) {
    signal.throwIfAborted();
    throw failureOfError(error, client.endpoint());
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

function planOf({ blobs }: Survey, model: SurveyedModel, address: string): PushedModel {
  const place = parseS3(address);
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
