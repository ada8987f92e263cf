import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { FolderPlace } from "../../run/repos/folder.ts";
import { keyOf, parseManifest } from "../model-manifest.ts";
import {
  calledModel,
  listingOf,
  type ModelsSource,
  type PlacedFile,
  type PlacedModel,
} from "../placed-models.ts";
import type { FailureScope, FileName } from "../source.ts";
import { openDisk } from "./disk.ts";
import { type FolderHost, openWeb } from "./web.ts";

export interface FolderOptions {
  readonly host: FolderHost;
  readonly place: FolderPlace;
  /** Nothing is asked. */
  readonly offline: boolean;
}

interface Opened {
  readonly models: readonly PlacedModel[];
  readonly files: ReadonlyMap<string, PlacedFile>;
}

/** Models of the Hub out of a folder, by the list that heros wrote there. Asks nothing yet. */
export function connectFolder({ host, place, offline }: FolderOptions): ModelsSource {
  const { called } = place;
  const files = place.kind === "disk" ? openDisk(host.files, place) : openWeb(host, place);
  let known: Opened | null = null;

  async function opened(missing: string, signal: AbortSignal): Promise<Opened> {
    signal.throwIfAborted();
    if (offline) throw failure("hub.offline", { missing });
    if (known !== null) return known;
    const bad = (problem: string, cause?: unknown): Failure =>
      failure("folder.bad_manifest", { place: called, problem }, cause);
    const bytes = await asked(signal, () => files.readManifest(signal));
    const models = parseManifest({ bytes, prefix: "", bad });
    const all = models.flatMap((model) => model.files.map((file) => [file.key, file] as const));
    known = { models, files: new Map(all) };
    return known;
  }
  async function asked<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      throw files.failureOf(error);
    }
  }
  async function fileOf(name: FileName, signal: AbortSignal): Promise<PlacedFile> {
    const { repo, path } = name;
    const key = keyOf({ prefix: "" }, name);
    const file = (await opened(`${path} of ${repo}`, signal)).files.get(key);
    if (file !== undefined) return file;
    throw failure("folder.incomplete", { place: called, file: key });
  }

  return {
    endpoint: called,
    offline,
    models: async (signal) => (await opened(`the list of models in ${called}`, signal)).models,
    async list(repo, revision, signal) {
      const { models } = await opened(`the list of files of ${repo} at ${revision}`, signal);
      const listing = listingOf(models, { repo, revision });
      if (listing !== null) return listing;
      const all = models.map((model) => calledModel(model));
      throw failure("folder.model_not_found", { place: called, repo, revision, known: all });
    },
    async requireAccess(repo, commit, path, signal) {
      const file = await fileOf({ repo, commit, path }, signal);
      await asked(signal, () => files.check(file, signal));
    },
    open: async (request) => files.open(await fileOf(request, request.signal), request),
    failureOf: (error) => (error instanceof Failure ? error : files.failureOf(error)),
    scopeOf,
  };
}

/** Of a network that was waited for without an answer; whatever else happens to a folder, other sources go on. */
const ofNetwork = ["folder.unreachable", "folder.server_error"];

function scopeOf({ code }: Failure): FailureScope {
  return ofNetwork.includes(code) ? "network" : "file";
}
