import { failure } from "../../run/failures/table.ts";
import {
  capabilitiesOf,
  type Catalog,
  modelsOfGroups,
  requiredGroups,
} from "../../catalog/catalog.ts";
import { coreCache } from "../../deploy/compose/core-service.ts";
import type { StackConfig } from "../../docker/compose.ts";
import { containerTeller } from "../../docker/containers.ts";
import { startStack } from "../../deploy/compose/start.ts";
import { watchContainers } from "../../docker/watch-containers.ts";
import type { Store, Survey } from "../../store/store.ts";
import { fetchModels } from "../download-models.ts";
import { capabilitySentence, capabilityTitle } from "../../catalog/capabilities.ts";
import type { HealthQuestion } from "../../health/health.ts";
import { healthQuestion } from "../stack/health-question.ts";
import { questionFor } from "../stack/question-for.ts";
import { proveStack } from "../../health/prove.ts";
import { type HealthWatch, watchStack } from "../../health/watch-stack.ts";
import type { Answers } from "../../plan/questions.ts";
import { Failure } from "../../run/failure.ts";
import { onlineWithout } from "../../run/failures/annie.ts";
import type { Source } from "../../source/source.ts";
import type { FoundImages } from "../images/find-images.ts";
import type { Online, SetupRequest, Work } from "../command-request.ts";

export interface BringOnline {
  readonly request: SetupRequest;
  readonly answers: Answers;
  /** Of the models. */
  readonly survey: Survey;
  readonly source: Source;
  readonly store: Store;
  /** Null where Docker pulls all of them itself. */
  readonly images: FoundImages | null;
  /** What compose makes of the files, and its version; null where it did not say. */
  readonly known: { readonly version: string | null; readonly config: StackConfig | null };
  /** On the host's monotonic clock: when the run began, or when the person said yes. */
  readonly startedAtMs: number;
  /** Every model and every image is there. */
  readonly onDownloaded: () => void;
}

/**
 * Fetches the models and starts the stack: side by side, or one after the other where the answers say so.
 * Whatever fails first stops the rest, with two exceptions: once the required models are there, a download that fails no longer stops the
 * stack from coming online, and what it does not wait for stops nothing else.
 * @throws Failure of the download (5, 6, 7), of the stack (1, 4), of its health (1, 3); AbortError
 */
export async function bringOnline(
  work: Work,
  {
    request,
    answers,
    survey,
    source,
    store,
    images: found,
    known,
    startedAtMs,
    onDownloaded,
  }: BringOnline,
): Promise<Online> {
  const { host, emit } = work;
  const stop = new AbortController();
  const signal = AbortSignal.any([work.signal, stop.signal]);
  const { catalog } = request;
  const core = catalog.stack;
  const ownService = core.service ?? "";
  const firstModels = modelIds(survey, catalog);
  const { groups } = answers;
  let url = `http://127.0.0.1:${request.port}`;
  let health: HealthQuestion | null = null;
  let watch: HealthWatch | null = null;
  const { stackDir, port } = request;
  emit({ type: "stage.started", stage: "download" });
  // Loaded here, and not while the person still answers: it brings what speaks to registries.
  const { openStackImages } = await import("../images/stack-images.ts");
  const wanted = { stack: core, found, survey, stackDir, starts: true };
  const images = await openStackImages({ ...work, signal }, wanted);

  const fetchAll = async () => {
    const models = { source, store, survey };
    const result = await fetchModels({ ...work, signal }, request, {
      ...(images?.addTo(models) ?? models),
      onModelReady(id) {
        if (firstModels.delete(id) && firstModels.size === 0) watch?.requiredReady();
      },
    }).finally(() => images?.downloadEnded());
    emit({ type: "stage.finished", stage: "download", outcome: "done" });
    onDownloaded();
    return result;
  };
  const tell = containerTeller(emit);
  const stack = {
    host,
    stack: core,
    stackDir,
    emit,
    signal,
    port,
    cacheDir: survey.cacheDir,
    known,
    tell,
  };
  const startCore = async () => {
    emit({ type: "stage.started", stage: "annie" });
    const services = images?.hasLater === true ? { services: [ownService] } : {};
    const after = images === null ? {} : { after: images.needed() };
    const address = await startStack({ ...stack, ...services, ...after });
    images?.coreStarted();
    if (address !== null) url = `http://${address.host}:${address.port}`;
    const containers = watchContainers({
      host,
      stackDir,
      emit,
      service: ownService,
      modelsAt: coreCache(core),
      tell,
    });
    health = healthQuestion({ catalog, groups, stackDir, url, config: known.config });
    watch = watchStack({
      host,
      emit,
      signal,
      question: health,
      startedAtMs,
      capabilities: wantedCapabilities(catalog, answers),
      sentenceOf: (name) => capabilitySentence(catalog, name),
      containers,
      onlineTimeoutMs: request.onlineTimeoutMs,
      laterTimeoutMs: request.onlineTimeoutMs,
    });
    if (firstModels.size === 0) watch.requiredReady();
    await watch.online;
    // Whatever becomes of it and its containers later, while models are still fetched, stops the run too.
    watch.complete.catch((error: unknown) => stop.abort(error));
    return watch;
  };
  /** What the stack does not wait for, once its images are there. */
  const startRest = async () => {
    if (images?.hasLater !== true) return;
    await startStack({ ...stack, after: images.later() });
  };

  const waits = answers.startup !== "progressive";
  if (waits) images?.coreStarted();
  const fetching = fetchAll();
  const coming = waits ? fetching.then(startCore) : startCore();
  fetching.catch((error: unknown) => {
    if (firstModels.size > 0 || images?.isNeeded() === true) stop.abort(error);
  });
  coming.catch((error: unknown) => stop.abort(error));
  const starting = coming.then(startRest);
  // What it does not wait for stops no model on its way: it is told at the end.
  starting.catch(() => {});
  const [fetched, online, rest] = await Promise.allSettled([fetching, coming, starting]);
  await images?.close();
  work.signal.throwIfAborted();
  if (online.status === "rejected") {
    emit({
      type: "stage.finished",
      stage: firstModels.size > 0 ? "download" : "annie",
      outcome: "failed",
    });
    throw stop.signal.reason;
  }
  if (fetched.status === "rejected") {
    online.value.stop();
    // What became of it after it was online stopped the download, and not the other way round.
    const stage = stop.signal.aborted ? "annie" : "download";
    emit({ type: "stage.finished", stage, outcome: "failed" });
    if (stop.signal.aborted) throw stop.signal.reason;
    throw fetched.reason instanceof Failure
      ? onlineWithout(fetched.reason, laterImages(found))
      : fetched.reason;
  }
  const endStage = (outcome: "done" | "failed"): void =>
    emit({ type: "stage.finished", stage: "annie", outcome });
  if (rest.status === "rejected") {
    online.value.stop();
    endStage("failed");
    throw rest.reason instanceof Failure
      ? onlineWithout(rest.reason, laterImages(found))
      : rest.reason;
  }
  online.value.allReady();
  const { missing } = await online.value.complete.catch((error: unknown) => {
    endStage("failed");
    throw error;
  });
  if (missing.length > 0) {
    endStage("failed");
    throw failure("annie.degraded", {
      stackDir,
      status: null,
      lacks: missing.map((name) => capabilityTitle(catalog, name)),
    });
  }
  const question = questionFor(catalog, answers);
  const { problem, asked, elapsedMs } = await proveStack(host, {
    health: health ?? healthQuestion({ catalog, groups, stackDir, url, config: known.config }),
    capabilities: capabilitiesOf(modelsOfGroups(catalog, groups)),
    question,
    signal: work.signal,
  });
  if (problem !== null) {
    endStage("failed");
    throw problem;
  }
  emit({ type: "annie.proved", asked, elapsedMs });
  endStage("done");
  const { elapsedMs: downloadedInMs, fetchedBytes } = fetched.value;
  const answeredInMs = question === null ? null : elapsedMs;
  return { url, downloadedInMs, fetchedBytes, answeredInMs };
}

/** Those that Docker did not have, and that the stack does not wait for, by their names. */
function laterImages(found: FoundImages | null): readonly string[] {
  if (found === null) return [];
  const labels = [
    ...found.surveyed.images.filter(({ totalBytes }) => totalBytes > 0),
    ...found.left,
  ].map(({ label }) => label);
  return labels.filter(({ neededForOnline }) => !neededForOnline).map(({ image }) => image);
}

/** Ids of the required models; each is told as ready once it is, cached ones too. */
function modelIds(survey: Survey, catalog: Catalog): Set<string> {
  const required = modelsOfGroups(catalog, requiredGroups(catalog));
  const models = survey.models.filter(({ id }) => required.some((model) => model.id === id));
  return new Set(models.map((model) => model.id));
}

function wantedCapabilities(catalog: Catalog, { groups }: Answers) {
  const required = capabilitiesOf(modelsOfGroups(catalog, requiredGroups(catalog)));
  const later = capabilitiesOf(modelsOfGroups(catalog, groups));
  return { required, later: later.filter((name) => !required.includes(name)) };
}
