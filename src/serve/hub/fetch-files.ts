import { download } from "../../download/download.ts";
import type { Host } from "../../host/host.ts";
import { createTurns } from "../../run/concurrency.ts";
import { isAbort } from "../../run/failure.ts";
import type { ListedFile } from "../../run/repos/file-listing.ts";
import type { Source } from "../../source/source.ts";
import { createHashing, type Hashing } from "../../store/hashing.ts";
import { openHubCache } from "../../store/hub-cache/hub-cache.ts";
import {
  type Store,
  sumSurvey,
  type Survey,
  type SurveyedBlob,
  type SurveyedModel,
} from "../../store/store.ts";
import { type Arrival, type ArrivalControl, createArrival } from "./arrivals.ts";
import { createPublishing } from "./publish-fetched.ts";

/** Told of each file that is fetched because a client asked for it. */
export interface FetchNews {
  readonly repo: string;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface FetchFilesOptions {
  readonly host: Pick<
    Host,
    "files" | "fileLocks" | "routes" | "system" | "clock" | "pid" | "random"
  >;
  readonly cacheDir: string;
  readonly onFetched: (news: FetchNews & { readonly elapsedMs: number }) => void;
  readonly onFailed: (news: FetchNews & { readonly error: unknown }) => void;
  readonly limitBytesPerSecond: number | null;
  /** Of all that is fetched at a time. */
  readonly maxConnections: number | null;
  /** The server closes. */
  readonly signal: AbortSignal;
  readonly tuning?: Partial<FetchTuning>;
}

export interface FetchTuning {
  /** What nobody waits for any more is fetched for so long, for a client that comes back. */
  readonly graceMs: number;
  /** New files of a repository become visible to programs of this machine once none was asked for in this time. */
  readonly quietMs: number;
}

const usualTuning: FetchTuning = { graceMs: 60_000, quietMs: 20_000 };
const usualConnections = 16;
/** Each has some of them. */
const leastConnections = 4;
/** More wait for their turn. */
const mostAtATime = 16;
/** A client does not wait long for a Hub that does not answer; and several downloads share this process's memory. */
const downloadTuning = {
  failAfterMs: 60_000,
  writeBytes: 128 * 1024,
  pendingBytes: 4 * 1024 * 1024,
} as const;
/** Whose bytes were wrong, of contents. */
const mostTainted = 1000;

export interface WantedFile {
  readonly repo: string;
  readonly commit: string;
  readonly file: ListedFile;
  /** Who has it. */
  readonly source: Source;
}

/** Fetches files into the cache, each once, whoever waits for it. */
export interface FetchFiles {
  /** The content on its way; what has begun is gone on with. */
  fetch(wanted: WantedFile): Arrival;
  /** Whether this client had bytes of the content that proved wrong. */
  hadWrong(client: string, repo: string, file: ListedFile): boolean;
  /** Gives all that came its name, and stops. */
  close(): Promise<void>;
}

export function createFetchFiles(options: FetchFilesOptions): FetchFiles {
  const { host, cacheDir, signal, maxConnections, limitBytesPerSecond } = options;
  const tuning = { ...usualTuning, ...options.tuning };
  const arrivals = new Map<string, ArrivalControl>();
  const tainted = new Map<string, ReadonlySet<string>>();
  const turns = createTurns(mostAtATime);
  const publishing = createPublishing(options, tuning.quietMs);
  const working = new Set<Promise<void>>();
  let hashing: Hashing | null = null;

  /** Locks and threads are shared: one download's end must not take another's. */
  function openStore(): Store {
    hashing ??= createHashing(host.routes);
    const store = openHubCache({ host, cacheDir, hashing });
    return { ...store, publish: async () => {}, close: async () => {} };
  }

  async function bring(wanted: WantedFile, arrival: ArrivalControl): Promise<void> {
    const { repo, file, source } = wanted;
    const { path, sizeBytes } = file;
    const news = { repo, path, sizeBytes };
    const startMs = host.clock.monotonicMs();
    const leave = publishing.expect(repo);
    const left = watchWaiters(arrival);
    const either = AbortSignal.any([signal, left.signal]);
    try {
      await turns.take(either, async (others) => {
        const store = arrival.watch(openStore());
        const survey = await surveyOf(store, wanted);
        const most = maxConnections ?? usualConnections;
        await download({
          host,
          // Whether it may be had shows with its first byte.
          source: { ...source, requireAccess: async () => {} },
          store,
          survey,
          emit: () => {},
          signal: either,
          limitBytesPerSecond:
            limitBytesPerSecond === null ? null : Math.ceil(limitBytesPerSecond / (others + 1)),
          maxConnections: Math.max(leastConnections, Math.floor(most / (others + 1))),
          wantedAt: () => arrival.wantedAt(),
          tuning: downloadTuning,
        });
        publishing.add(survey);
      });
      arrival.end({ kind: "verified" });
      options.onFetched({ ...news, elapsedMs: host.clock.monotonicMs() - startMs });
    } catch (error) {
      arrival.end({ kind: "failed", error });
      if (!isAbort(error)) options.onFailed({ ...news, error });
    } finally {
      left.stop();
      leave();
    }
  }

  /** Fires once nobody has waited for it for a while. */
  function watchWaiters(arrival: ArrivalControl): { signal: AbortSignal; stop: () => void } {
    const left = new AbortController();
    const over = new AbortController();
    const watch = async (): Promise<void> => {
      while (!over.signal.aborted) {
        if (arrival.waiters() > 0) await arrival.changed();
        else {
          await host.clock.sleep(tuning.graceMs, over.signal);
          if (arrival.waiters() === 0) return left.abort();
        }
      }
    };
    watch().catch(() => {});
    return { signal: left.signal, stop: () => over.abort() };
  }

  return {
    fetch(wanted) {
      const { repo, commit, file } = wanted;
      const key = keyOf(repo, file);
      const known = arrivals.get(key);
      if (known !== undefined) return known;
      const arrival = createArrival(host.files, { ...file, repo, commit });
      arrivals.set(key, arrival);
      const work = bring(wanted, arrival).finally(() => {
        arrivals.delete(key);
        working.delete(work);
        if (!arrival.wasWrong()) return;
        if (tainted.size >= mostTainted) tainted.clear();
        tainted.set(key, arrival.clients);
      });
      working.add(work);
      return arrival;
    },
    hadWrong(client, repo, file) {
      const key = keyOf(repo, file);
      const now = arrivals.get(key);
      if (now?.wasWrong() === true && now.clients.has(client)) return true;
      return tainted.get(key)?.has(client) === true;
    },
    async close() {
      await Promise.all(working);
      await publishing.close();
      host.fileLocks.close();
      await hashing?.close();
    },
  };
}

function keyOf(repo: string, { blobName }: Pick<ListedFile, "blobName">): string {
  return `${repo}\n${blobName}`;
}

/** One file, as a download knows what it fetches. A commit is published by its own name: branches of this machine stay where they are. */
async function surveyOf(store: Store, { repo, commit, file }: WantedFile): Promise<Survey> {
  const { path, blobName } = file;
  const id = `${repo}@${commit}/${path}`;
  const holding = await store.lookUp(repo, file);
  const blob: SurveyedBlob = { ...file, ...holding, repo, commit, neededBy: [id], priority: 0 };
  const snapshot = {
    repo,
    revision: commit,
    commit,
    path: store.locate(repo, commit),
    files: [{ path, blobName, linked: false }],
  };
  const blobs = [blob];
  const named = { id, title: repo, priority: 0 };
  const { title, priority: tier } = named;
  const label = { id, title, tier };
  const sums = { totalBytes: file.sizeBytes, cachedBytes: 0, resumedBytes: 0 };
  const model: SurveyedModel = {
    ...named,
    purpose: "",
    label,
    problem: null,
    ...sums,
    snapshots: [snapshot],
  };
  const all = { models: [model], blobs };
  const freeBytes = await store.freeBytes();
  return { cacheDir: store.folder, images: [], freeBytes, ...all, ...sumSurvey(all) };
}
