import { openHubCache, type HubCacheOptions } from "../../store/hub-cache/hub-cache.ts";
import type { Survey } from "../../store/store.ts";

export interface Publishing {
  /** A file of the repository is on its way: it is not quiet. @returns what ends that */
  expect(repo: string): () => void;
  /** It is verified, and waits for its name. */
  add(survey: Survey): void;
  close(): Promise<void>;
}

/**
 * Gives files of a repository their names together, once no more are asked for: to programs of this machine, a repository that
 * is there is a model that is there.
 */
export function createPublishing(
  { host, cacheDir }: Pick<HubCacheOptions, "host" | "cacheDir">,
  quietMs: number,
): Publishing {
  const repos = new Map<string, { underWay: number; timer: AbortController; surveys: Survey[] }>();
  const working = new Set<Promise<void>>();
  const of = (repo: string) => {
    const known = repos.get(repo) ?? { underWay: 0, timer: new AbortController(), surveys: [] };
    repos.set(repo, known);
    return known;
  };

  /** One commit after the other; what can't be published stays where it is, and is served from there. */
  async function publish(repo: string): Promise<void> {
    const state = repos.get(repo);
    if (state === undefined) return;
    repos.delete(repo);
    const store = openHubCache({ host, cacheDir });
    for (const group of Map.groupBy(state.surveys, commitOf).values()) {
      const survey = together(group);
      const [item] = survey.models;
      if (item === undefined) continue;
      const { signal } = new AbortController();
      await store.publish({ survey, item, lockRetryMs: 1000, signal }).catch(() => {});
    }
    await store.tidy(state.surveys.flatMap(({ blobs }) => blobs)).catch(() => {});
  }

  function begin(repo: string): void {
    const work = publish(repo).finally(() => working.delete(work));
    working.add(work);
  }

  return {
    expect(repo) {
      const state = of(repo);
      state.underWay += 1;
      state.timer.abort();
      return () => {
        state.underWay -= 1;
        if (state.underWay > 0) return;
        state.timer = new AbortController();
        host.clock.sleep(quietMs, state.timer.signal).then(
          () => begin(repo),
          () => {},
        );
      };
    },
    add(survey) {
      const [blob] = survey.blobs;
      if (blob !== undefined) of(blob.repo).surveys.push(survey);
    },
    async close() {
      for (const [repo, { timer }] of repos) {
        timer.abort();
        begin(repo);
      }
      await Promise.all(working);
    },
  };
}

function commitOf({ blobs: [blob] }: Survey): string {
  return blob?.commit ?? "";
}

/** The files of one commit as one item. */
function together(surveys: readonly Survey[]): Survey {
  const [first] = surveys;
  const [model] = first?.models ?? [];
  const [snapshot] = model?.snapshots ?? [];
  if (first === undefined || model === undefined || snapshot === undefined) {
    throw new Error("no file to publish");
  }
  const files = surveys.flatMap(({ models }) =>
    models.flatMap(({ snapshots }) => snapshots.flatMap((each) => each.files)),
  );
  const blobs = surveys.flatMap((survey) => survey.blobs);
  return { ...first, models: [{ ...model, snapshots: [{ ...snapshot, files }] }], blobs };
}
