import path from "node:path";
import { type BakedRepo, parseBakedLabel, withoutBaked } from "../../catalog/baked.ts";
import type { Catalog, CatalogModel } from "../../catalog/catalog.ts";
import { serviceOf, type Stack } from "../../catalog/stack.ts";
import type { StackConfig } from "../../docker/compose.ts";
import { findInImage, readImageSettings } from "../../docker/image-contents.ts";
import { type CacheViewRequest, viewCache } from "../models/view-cache.ts";
import { isWhole, type Survey } from "../../store/store.ts";
import { answerLimitMs, late, withinLimit } from "../../host/time-limit.ts";
import { modelsLabelName } from "../../source/oci/manifest.ts";
import type { Work } from "../command-request.ts";
import type { FoundImages } from "../images/find-images.ts";

export interface BakedRequest {
  /** The stack; null where it can't be read: what is wrong with it is told where the files are planned. */
  readonly readStack: () => Promise<StackConfig | null>;
  readonly catalog: Catalog;
  /** What was found in images, by their ids: whoever looks again and again looks into each once. */
  readonly looked?: Map<string, readonly string[]>;
}

/**
 * Models that the image of the stack's own service brings, where Docker has it: by its label, else by a look into the folder that it names.
 * @returns none where nothing says so; whatever is in the way is no failure. @throws AbortError
 */
export async function findBakedInEngine(
  { host, signal }: Pick<Work, "host" | "signal">,
  { readStack, catalog, looked = new Map() }: BakedRequest,
): Promise<readonly BakedRepo[]> {
  const { stack } = catalog;
  const config = await readStack();
  const service = config?.services[stack.service ?? ""];
  if (service?.image === undefined) return [];
  const asked = { host, image: service.image, signal };
  const settings = await readImageSettings(asked);
  if (settings === null) return [];
  const label = settings.labels[modelsLabelName];
  if (label !== undefined) return parseBakedLabel(label);
  const folderVariable = serviceOf(stack, stack.service ?? "")?.bakedModels ?? null;
  if (folderVariable === null) return [];
  const folder =
    service.environment[folderVariable] ??
    settings.environment.find((line) => line.startsWith(`${folderVariable}=`))?.split(/=(.*)/s)[1];
  if (folder === undefined || !path.isAbsolute(folder)) return [];
  const signs = catalog.models.flatMap(({ parts }) =>
    parts.map((part) => ({
      repo: part.repo,
      sign: path.join(folder, part.repo.replace("/", "--"), signOf(part.files)),
    })),
  );
  const { id = "" } = settings;
  const found =
    looked.get(id) ?? (await findInImage(asked, [...new Set(signs.map(({ sign }) => sign))]));
  // None may only mean that Docker did not say in time.
  if (id !== "" && found.length > 0) looked.set(id, found);
  return signs
    .filter(({ sign }) => found.includes(sign))
    .map(({ repo }) => ({ repo, revision: null }));
}

/** A small file that every copy of a model has. */
function signOf(files: readonly string[] | null): string {
  const named = files?.includes("config.json") === false;
  return (named ? files.find((file) => /^\w+_config\.json$/.test(file)) : null) ?? "config.json";
}

export interface UnbakedView {
  readonly survey: Survey;
  /** Those that the image does not bring, or not whole. */
  readonly models: readonly CatalogModel[];
  readonly baked: readonly CatalogModel[];
}

/** What the cache has of models that the stack's own image does not bring. Docker is asked only where one of them is not cached. */
export async function viewUnbaked(
  work: Work,
  view: CacheViewRequest,
  stack: Omit<BakedRequest, "catalog">,
): Promise<UnbakedView> {
  const { survey } = await viewCache(work, view);
  const { fetching, models } = view;
  const isCached = survey.models.every(isWhole);
  // A Docker that hangs leaves time to tell what the cache has.
  const limit = { host: work.host, signal: work.signal, limitMs: answerLimitMs(work.host) / 2 };
  const asked = { ...stack, catalog: fetching.catalog };
  const found = isCached
    ? []
    : await withinLimit(limit, (signal) => findBakedInEngine({ host: work.host, signal }, asked));
  const repos = found === late ? [] : found;
  if (repos.length === 0) return { survey, models, baked: [] };
  const { models: left, baked } = withoutBaked(models, repos);
  return { survey: (await viewCache(work, { ...view, models: left })).survey, models: left, baked };
}

/** The same of an image that is still to be downloaded, by its label alone. */
export function bakedByRegistry(
  { service }: Pick<Stack, "service">,
  config: StackConfig,
  images: FoundImages | null,
): readonly BakedRepo[] {
  const name = config.services[service ?? ""]?.image;
  const label = images?.surveyed.images.find((image) => image.label.image === name)?.content
    ?.modelsLabel;
  return label === undefined ? [] : parseBakedLabel(label);
}
