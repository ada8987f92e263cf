import { findEngineImages } from "../../docker/engine-images.ts";
import { download } from "../../download/download.ts";
import { Failure, isAbort } from "../../run/failure.ts";
import { type Platform, platformOf } from "../../source/oci/manifest.ts";
import { calledImage } from "../../source/oci/failures.ts";
import { isDigest, parseImageReference } from "../../source/oci/reference.ts";
import { openRegistries, type Registries } from "../../source/oci/registry.ts";
import { registrySite } from "../../serve/registry/registry-site.ts";
import { parseServedName, type ServedRepository } from "../../serve/registry/served-images.ts";
import { storedImages } from "../../serve/registry/stored-images.ts";
import type { Site } from "../../serve/server.ts";
import { openImageStore } from "../../store/images/image-store.ts";
import { openIntake } from "../../store/images/take-blobs.ts";
import type { ImageContent } from "../../store/store.ts";
import type { Work } from "../command-request.ts";
import { surveyImages } from "../images/survey-images.ts";
import { takeFromEngine } from "../images/take-from-engine.ts";
import { surveyOfImages } from "../images/whole-images.ts";

export interface ServedImagesRequest {
  /** Images are kept below its `.heros`. */
  readonly cacheDir: string;
  /** No registry is asked. */
  readonly offline: boolean;
  /** This server has tokens, for what is not for everybody. */
  readonly asksLogin: boolean;
  /** Ends what is on its way. */
  readonly signal: AbortSignal;
}

/** A client waits no longer for it than for another registry. */
const answerLimitMs = 8000;
const noLogin = async () => ({ login: null, problem: null });

/**
 * The images of this machine as a registry: those that are kept, those that Docker has, and, where registries may be asked, any
 * other: it is fetched once, for all who wait, and kept. Registries are asked without a login.
 */
export function imagesSite(work: Work, request: ServedImagesRequest): Site {
  const { host } = work;
  const { cacheDir, offline, asksLogin } = request;
  const registries = offline
    ? null
    : openRegistries({ host, credentials: noLogin, answerLimitMs, forMs: answerLimitMs });
  const coming = new Map<string, PromiseWithResolvers<void>>();
  const bringing = new Map<string, Promise<boolean>>();
  const open = new Map<string, Promise<boolean>>();
  const images = storedImages({
    host,
    cacheDir,
    isPublic: (image) => {
      if (image.anonymous === true) return Promise.resolve(true);
      const known =
        open.get(image.name) ?? isForAnybody(work, { registries, image, signal: request.signal });
      open.set(image.name, known);
      return known;
    },
    bring(repository, reference) {
      const name = nameOf(repository, reference);
      const running =
        bringing.get(name) ??
        bring({ ...work, signal: request.signal }, { ...request, name, registries, coming })
          .catch((error: unknown) => {
            if (error instanceof Failure || isAbort(error)) return false;
            throw error;
          })
          .finally(() => bringing.delete(name));
      bringing.set(name, running);
      return running;
    },
    isComing: ({ config, layers }) => [config, ...layers].some(({ digest }) => coming.has(digest)),
    arrival: async (digest, signal) => {
      const arrived = coming.get(digest)?.promise;
      if (arrived === undefined) throw new Error("nobody fetches this layer");
      await Promise.race([arrived, aborted(signal)]);
    },
  });
  return registrySite({ images, parseName: parseServedName, asksLogin });
}

/** As Docker calls it. */
function nameOf(repository: ServedRepository, reference: string): string {
  return `${calledImage(repository)}${isDigest(reference) ? "@" : ":"}${reference}`;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

/** Whether its registry gives it without a login. One that does not answer says nothing. */
async function isForAnybody(
  { host }: Pick<Work, "host">,
  asked: {
    readonly registries: Registries | null;
    readonly image: ImageContent;
    readonly signal: AbortSignal;
  },
): Promise<boolean> {
  const { registries, image, signal } = asked;
  if (registries === null) return false;
  const reference = parseImageReference(image.name);
  return registries.resolve(reference, platformOf(host), signal).then(
    () => true,
    (error: unknown) => error instanceof Failure && error.code === "image.no_platform",
  );
}

interface Bringing extends ServedImagesRequest {
  readonly name: string;
  readonly registries: Registries | null;
  readonly coming: Map<string, PromiseWithResolvers<void>>;
}

/** @returns whether it is here, or on its way. @throws Failure, AbortError */
async function bring(work: Work, wanted: Bringing): Promise<boolean> {
  const { host, signal } = work;
  const { cacheDir, name, registries, coming } = wanted;
  const platform: Platform = platformOf(host);
  const [inEngine] = await findEngineImages({ host, signal }, [name]);
  if (inEngine !== undefined) {
    await takeFromEngine(work, { name, cacheDir, platform });
    return true;
  }
  if (registries === null) return false;
  const store = openImageStore({ host, cacheDir });
  const images = [{ name, services: [], neededForOnline: true }];
  const common = { registries, store, images, platform, engine: null, way: "registry" } as const;
  const surveyed = await surveyImages({ ...common, signal, whole: true });
  const [content] = surveyed.images.flatMap((image) => image.content ?? []);
  if (content === undefined) return false;
  const survey = await surveyOfImages(cacheDir, store, surveyed);
  const lacking = surveyed.blobs.filter(({ cached }) => !cached);
  for (const { path } of lacking) if (!coming.has(path)) coming.set(path, Promise.withResolvers());
  const intake = await openIntake({ host, cacheDir, pid: host.pid });
  await intake.want(content);
  const { emit } = work;
  const downloaded = download({
    host,
    source: registries,
    store,
    survey,
    emit,
    signal,
    onLayerVerified: ({ path }) => coming.get(path)?.resolve(),
  });
  for (const { path } of lacking) coming.get(path)?.promise.catch(() => {});
  downloaded
    .catch((error: unknown) => {
      for (const { path } of lacking) coming.get(path)?.reject(error);
    })
    .finally(() => {
      for (const { path } of lacking) coming.delete(path);
    });
  return true;
}
