import type { Host } from "../host/host.ts";
import type { Emit } from "../progress/event.ts";
import { publishSnapshot } from "./publish.ts";
import type { Survey, SurveyedModel } from "./survey.ts";

interface PublishingRequest {
  readonly host: Pick<Host, "files" | "fileLocks" | "clock" | "pid">;
  readonly survey: Survey;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly lockRetryMs: number;
  /** All blobs of the model are there. */
  readonly isReady: (id: string) => boolean;
}

export interface Publishing {
  /** Publishes the models that are whole, and tells of each; one that can't be published keeps no other from it. @throws the first error */
  publishReady(): Promise<void>;
  /** At the end. @throws the first error, and where a model was not whole */
  publishAll(): Promise<void>;
}

/** Each model of the survey is published once, one after the other. */
export function createPublishing(request: PublishingRequest): Publishing {
  const { survey, isReady } = request;
  const published = new Map<string, Promise<void>>();
  let last: Promise<unknown> = Promise.resolve();

  async function publishReady(): Promise<void> {
    for (const model of survey.models.filter(({ id }) => isReady(id))) {
      if (published.has(model.id)) continue;
      const done = last.then(() => publish(request, model));
      published.set(model.id, done);
      last = done.catch(() => {});
    }
    const ends = await Promise.allSettled(published.values());
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  return {
    publishReady,
    async publishAll() {
      await publishReady();
      const left = survey.models.find(({ id }) => !published.has(id));
      if (left !== undefined) throw new Error(`${left.id} was not published`);
    },
  };
}

/** The repository that a model is named after is the last: what it needs from others is there then. */
async function publish(request: PublishingRequest, model: SurveyedModel): Promise<void> {
  const { survey, emit } = request;
  for (const snapshot of model.snapshots.toReversed()) {
    const names = new Set(snapshot.files.map(({ blobName }) => blobName));
    const blobs = survey.blobs.filter(
      ({ repo, blobName }) => repo === snapshot.repo && names.has(blobName),
    );
    await publishSnapshot({ ...request, cacheDir: survey.cacheDir, snapshot, blobs });
  }
  const [first] = model.snapshots;
  if (first === undefined) return;
  const { repo, commit: revision, path } = first;
  const { id, title } = model;
  emit({ type: "model.ready", id, title, repo, revision, path });
}
