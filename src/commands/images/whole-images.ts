import { findEngineImages } from "../../docker/engine-images.ts";
import { download, type DownloadRequest } from "../../download/download.ts";
import { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { parseConfig, type Platform } from "../../source/oci/manifest.ts";
import type { Registries } from "../../source/oci/registry.ts";
import { type ImageStore, openImageStore } from "../../store/images/image-store.ts";
import type { StoredImage } from "../../store/images/keep-image.ts";
import { requireSpace, type Survey } from "../../store/store.ts";
import type { Work } from "../command-request.ts";
import {
  findByName,
  noRegistries,
  type SurveyedImages,
  surveyImages,
  withImages,
} from "./survey-images.ts";
import { takeFromEngine } from "./take-from-engine.ts";

export interface WholeImagesRequest {
  readonly cacheDir: string;
  /** As compose files have them. */
  readonly names: readonly string[];
  readonly platform: Platform;
  /** Null: no registry is asked. */
  readonly registries: Registries | null;
  readonly fetching?: Pick<DownloadRequest, "limitBytesPerSecond" | "maxConnections" | "pause">;
}

/**
 * Makes sure that all of these images are whole in the image store. What is there stays; what Docker has is taken from it;
 * the rest is fetched from its registry, if one may be asked.
 * @returns them in the order of `names`
 * @throws Failure `hub.offline`, `image.…`, `registry.…` (2, 4, 5, 6), `docker.image_not_saved` (4), `disk.too_small` (7); AbortError
 */
export async function keepWholeImages(
  work: Work,
  request: WholeImagesRequest,
): Promise<readonly StoredImage[]> {
  const { host, signal } = work;
  const { cacheDir, platform, registries } = request;
  const names = [...new Set(request.names)];
  const store = openImageStore({ host, cacheDir });
  const lacking: string[] = [];
  for (const name of names) if (!(await isKept(work, request, name))) lacking.push(name);
  const engine = await findEngineImages({ host, signal }, lacking);
  const fetched: string[] = [];
  for (const name of lacking) {
    const found = findByName({ name, services: [], neededForOnline: false }, platform, engine);
    if (found === null) {
      fetched.push(name);
      continue;
    }
    // What comes of it is no larger than what it takes unpacked.
    const space = await store.spaceFor(found.unpackedBytes);
    requireSpace([space]);
    await takeFromEngine(work, { name, cacheDir, platform });
  }
  if (fetched.length > 0) {
    const surveyed = await surveyImages({
      registries: registries ?? noRegistries,
      store,
      images: fetched.map((name) => ({ name, services: [], neededForOnline: true })),
      platform,
      engine: null,
      way: "registry",
      signal,
      whole: true,
    });
    if (registries !== null) {
      const survey = await surveyOfImages(cacheDir, store, surveyed);
      const { emit } = work;
      await download({
        host,
        source: registries,
        store,
        survey,
        emit,
        signal,
        ...request.fetching,
      });
    }
  }
  return Promise.all(
    names.map(async (name) => {
      const image = await store.readImage(name);
      if (image?.isWhole === true) return image;
      throw failure("cache.changed", { repo: name, path: "A layer" });
    }),
  );
}

/** A survey of images alone. */
export async function surveyOfImages(
  cacheDir: string,
  store: Pick<ImageStore, "freeBytes">,
  surveyed: SurveyedImages,
): Promise<Survey> {
  const freeBytes = await store.freeBytes();
  const sums = { files: 0, totalBytes: 0, cachedBytes: 0, resumedBytes: 0, neededBytes: 0 };
  return withImages({ cacheDir, models: [], images: [], blobs: [], freeBytes, ...sums }, surveyed);
}

/** Whether it is here, whole, and for this platform. */
async function isKept(
  { host }: Pick<Work, "host">,
  { cacheDir, platform: wanted }: WholeImagesRequest,
  name: string,
): Promise<boolean> {
  const image = await openImageStore({ host, cacheDir }).readImage(name);
  if (image?.isWhole !== true) return false;
  const config = await host.files.readFile(image.configPath);
  try {
    parseConfig(config, { image: name, wanted, layers: image.layers.length });
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}
