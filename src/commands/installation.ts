import path from "node:path";
import { type CatalogModel, modelsOfTiers, requiredTiers } from "../catalog/catalog.ts";
import { lazily } from "../checks/ask-machine.ts";
import type { Wanted } from "../checks/detect.ts";
import type { ImagesFound, Installation, Obstacle } from "../checks/installation.ts";
import { herosFile } from "../deploy/compose/compose-files.ts";
import { isThere } from "../host/places.ts";
import { answerLimitMs, late, type Late, withinLimit } from "../host/time-limit.ts";
import type { Answers } from "../plan/questions.ts";
import { Failure } from "../run/failure.ts";
import { openHubCache } from "../store/hub-cache/hub-cache.ts";
import { findRepoObstacle } from "../store/hub-cache/prepare.ts";
import type { Survey } from "../store/store.ts";
import type { Work } from "./command-request.ts";
import type { FoundImages } from "./find-images.ts";
import type { GatheredSettings } from "./gather-settings.ts";
import { viewCache, wantedOf } from "./models/view-cache.ts";
import type { Placed } from "./models-place.ts";

export interface InstallationRequest {
  readonly settings: Placed<GatheredSettings>;
  /** Absolute: the folder that ships with heros. */
  readonly assetsDir: string;
  readonly answers: Answers;
}

/** Asks for what setup and pull made, nothing of it before its answer is looked at. */
export function askInstallation(
  work: Work,
  request: InstallationRequest,
): { readonly installation: Installation; readonly wanted: Promise<Wanted | null> } {
  const { host, signal } = work;
  const { settings, answers } = request;
  const { catalog, stackDir } = settings;
  const inTime = async <Answer>(ask: (stop: AbortSignal) => Promise<Answer>) =>
    withinLimit({ host, signal, limitMs: answerLimitMs(host) }, ask);
  const chosen = modelsOfTiers(catalog, answers.tiers);
  const others: Others = lazily<Others>({
    images: () => inTime((stop) => findImages({ ...work, signal: stop }, request)),
    wanted: async () => {
      const [survey, images] = await Promise.all([installation.models, others.images]);
      return survey === late ? null : wantedOf(work, survey, images === late ? null : images);
    },
  });
  const installation: Installation = lazily<Installation>({
    isSetUp: () => isThere(host, path.join(stackDir, herosFile)),
    models: () =>
      inTime(async (stop) => {
        const view = { fetching: settings, models: chosen, ask: "never" } as const;
        return (await viewCache({ ...work, signal: stop }, view)).survey;
      }),
    obstacle: () =>
      inTime(async () => {
        const survey = await installation.models;
        if (survey === late) return null;
        return findObstacle(work, { survey, chosen, required: requiredTiers(catalog) });
      }),
    images: async () => {
      const images = await others.images;
      return images === null || images === late ? images : imagesFound(images);
    },
    needs: async () => (await others.wanted)?.needs ?? null,
  });
  return {
    installation,
    get wanted() {
      return others.wanted;
    },
  };
}

/** What rows are made from. */
interface Others {
  readonly images: Promise<FoundImages | null | Late>;
  readonly wanted: Promise<Wanted | null>;
}

interface ObstacleSearch {
  readonly survey: Survey;
  readonly chosen: readonly CatalogModel[];
  /** Tiers. */
  readonly required: readonly number[];
}

async function findObstacle(
  { host }: Pick<Work, "host">,
  { survey, chosen, required }: ObstacleSearch,
): Promise<Obstacle | null> {
  const { cacheDir } = survey;
  // What of the folder itself is wrong, its disk's check says.
  const folder = await host.files.stat(cacheDir).catch(() => null);
  if (folder?.isDirectory() !== true) return null;
  const store = openHubCache({ host, cacheDir });
  let later: Obstacle | null = null;
  for (const model of survey.models) {
    const parts = chosen.find(({ id }) => id === model.id)?.parts ?? [];
    const failure =
      model.problem === null
        ? await store.findObstacle(survey, model)
        : await findRepoObstacle(
            host.files,
            cacheDir,
            parts.map(({ repo }) => repo),
          );
    if (failure === null) continue;
    if (required.includes(model.label.tier)) return { failure, required: true };
    later ??= { failure, required: false };
  }
  return later;
}

/** The images that a setup would fetch; null where Docker pulls them itself, or the stack is not in order. */
async function findImages(
  work: Work,
  { settings: { stackDir, cacheDir }, assetsDir }: InstallationRequest,
): Promise<FoundImages | null> {
  const { readStack } = await import("../deploy/compose/base.ts");
  const { findStackImages } = await import("./find-images.ts");
  try {
    const config = await readStack({ host: work.host, stackDir, assetsDir });
    const found = await findStackImages(work, { config, cacheDir, strict: false, keep: false });
    const isEmpty = found !== null && found.surveyed.images.length + found.left.length === 0;
    return isEmpty ? null : found;
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function imagesFound({ surveyed: { images }, left }: FoundImages): ImagesFound {
  const byDocker = new Set(left.map(({ image }) => image));
  const own = images.filter(({ title, engineId }) => engineId === null && !byDocker.has(title));
  const ownBytes = own.map((image) => image.totalBytes - image.cachedBytes - image.resumedBytes);
  const leftBytes = left.map(({ totalBytes, cachedBytes }) => totalBytes - cachedBytes);
  return {
    count: new Set([...images.map(({ title }) => title), ...byDocker]).size,
    lacking: [...new Set([...own.map(({ title }) => title), ...byDocker])],
    bytes: [...ownBytes, ...leftBytes].reduce((sum, each) => sum + each, 0),
    atLeast: left.some(({ layers }) => layers === null),
    problems: images.flatMap(({ problem }) => problem?.message ?? []),
  };
}
