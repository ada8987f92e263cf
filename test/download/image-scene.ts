import type { HubOptions } from "../../src/demo/hub/hub.ts";
import {
  downloadModels,
  type ModelRequest,
  surveyModels,
} from "../../src/commands/download-models.ts";
import {
  type ImageRequest,
  surveyImages,
  withImages,
} from "../../src/commands/images/survey-images.ts";
import type { EngineImage } from "../../src/docker/engine-images.ts";
import type { DownloadRequest } from "../../src/download/download.ts";
import type { Host } from "../../src/host/host.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { sourceByRepo } from "../../src/source/source.ts";
import { openRegistries, type Registries } from "../../src/source/oci/registry.ts";
import { storeByRepo } from "../../src/store/by-repo.ts";
import type { Hashing } from "../../src/store/hashing.ts";
import { openHubCache } from "../../src/store/hub-cache/hub-cache.ts";
import {
  type ImageStore,
  type ImageStoreOptions,
  openImageStore,
} from "../../src/store/images/image-store.ts";
import type { Survey } from "../../src/store/store.ts";
import { type Image, makeImage, noise } from "../source/oci/images.ts";
import {
  type RegistryOptions,
  type RegistryServer,
  startRegistry,
} from "../source/oci/registry-server.ts";
import { noLogin, spark } from "../source/oci/scene.ts";
import { openScene, type Pull, type Scene, smallTuning } from "./scene.ts";

/** A Hub and a registry, and one folder for what comes from both. */
export interface ImageScene extends Scene {
  readonly registry: RegistryServer;
  /** `127.0.0.1:PORT/her-os/core:1` of `her-os/core:1`. */
  nameOf(name: string): string;
  images(host?: Host, changes?: Partial<ImageStoreOptions>): ImageStore;
  surveyBoth(wanted: Wanted): Promise<Survey>;
  /** One run of the engine over both. */
  pullBoth(wanted: Wanted, changes?: PullBoth): Promise<Survey>;
  /** Of layers and configurations, over the network so far. */
  layerRequests(): readonly {
    readonly repository: string;
    readonly digest: string;
    readonly range: string | undefined;
  }[];
}

export interface Wanted {
  readonly models?: readonly ModelRequest[];
  readonly images?: readonly ImageRequest[];
  /** What Docker has. */
  readonly engine?: readonly EngineImage[];
}

export interface PullBoth
  extends
    Omit<Pull, "hub">,
    Pick<DownloadRequest, "onLayerVerified" | "onImageVerified" | "onModelReady"> {
  readonly store?: Partial<ImageStoreOptions>;
  readonly hashing?: Hashing;
}

export interface ImageSceneOptions {
  readonly hub?: HubOptions;
  readonly registry?: RegistryOptions;
}

export async function openImageScene(options: ImageSceneOptions = {}): Promise<ImageScene> {
  const registry = await startRegistry(options.registry);
  const scene = await openScene(options.hub ?? { repos: [] });
  const { host, cacheDir, events } = scene;
  const { signal: never } = new AbortController();
  const nameOf = (name: string): string => `${registry.host}/${name}`;
  const registriesOf = (used: Host): Registries =>
    openRegistries({ host: used, credentials: async () => noLogin, forMs: 5000 });
  const images = (used: Host = host, changes: Partial<ImageStoreOptions> = {}): ImageStore =>
    openImageStore({ host: used, cacheDir, ...changes });

  async function survey(
    { models = [], images: wanted = [], engine = [] }: Wanted,
    { used = host, signal = never }: { used?: Host; signal?: AbortSignal } = {},
  ): Promise<Survey> {
    const store = openHubCache({ host: used, cacheDir });
    const both = await surveyModels({ source: scene.hub({ host: used }), store, models, signal });
    const found = await surveyImages({
      registries: registriesOf(used),
      store: images(used),
      images: wanted.map((each) => ({ ...each, name: nameOf(each.name) })),
      platform: spark,
      engine,
      way: "registry",
      signal,
    });
    return withImages(both, found);
  }

  return {
    ...scene,
    registry,
    nameOf,
    images,
    surveyBoth: (wanted) => survey(wanted),
    async pullBoth(wanted, changes = {}) {
      const {
        host: used = host,
        hashing,
        signal = never,
        tuning,
        onEvent,
        store,
        ...rest
      } = changes;
      events.length = 0;
      const surveyed = await survey(wanted, { used, signal });
      await downloadModels({
        host: used,
        source: sourceByRepo({ hub: scene.hub({ host: used }), oci: registriesOf(used) }),
        store: storeByRepo({
          hub: openHubCache({ host: used, cacheDir, hashing }),
          oci: images(used, { hashing, ...store }),
        }),
        survey: surveyed,
        signal,
        emit: (event: HerosEvent) => {
          events.push(event);
          onEvent?.(event);
        },
        tuning: { ...smallTuning, ...tuning },
        ...rest,
      });
      return surveyed;
    },
    layerRequests: () =>
      registry.of("registry").flatMap(({ method, url, range }) => {
        const [, repository = "", digest = ""] = /^\/v2\/(.+)\/blobs\/([^/]+)$/u.exec(url) ?? [];
        return digest === "" || method !== "GET" ? [] : [{ repository, digest, range }];
      }),
    async [Symbol.asyncDispose]() {
      await scene[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

export function image(
  name: string,
  changes: Partial<Omit<ImageRequest, "name">> = {},
): ImageRequest {
  return { name, services: [name.split(/[/:]/u)[1] ?? name], neededForOnline: true, ...changes };
}

/** An image with layers of these sizes; those of one seed and size are the same layer. */
export function imageOf(layers: Readonly<Record<string, number>>): Image {
  return makeImage(Object.entries(layers).map(([seed, sizeBytes]) => noise(seed, sizeBytes)));
}
