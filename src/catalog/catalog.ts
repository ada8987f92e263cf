import { failure } from "../run/failures/table.ts";

/** A tier of models; lower ones come first. */
export interface Tier {
  readonly id: number;
  readonly name: string;
  /** Annie can't do without it: it can't be left out. */
  readonly required: boolean;
  /** Chosen unless the person says otherwise. */
  readonly default: boolean;
}

/** Files of one repository at one revision. */
export interface RepoFiles {
  /** `openai/whisper-large-v3`. */
  readonly repo: string;
  /** A commit (40 hex digits) or a branch. */
  readonly revision: string;
  /** Globs over paths in the repository; null means every file. */
  readonly files: readonly string[] | null;
}

export interface CatalogModel {
  readonly id: string;
  readonly title: string;
  /** The tier's id; `noTier` for what is in no catalog. */
  readonly tier: number;
  /** "Speech-to-text". */
  readonly purpose: string;
  /** Name in Annie's health contract; null where the model brings none of its own. */
  readonly capability: string | null;
  /** Memory it takes once loaded, in GiB. */
  readonly memoryGib: number;
  /** The variable that says true to whoever wants it: an answer where it is in the user's `.env`. Null where there is none. */
  readonly enabledBy: string | null;
  /** Its own repository first, then what it needs of others. Never empty. */
  readonly parts: readonly [RepoFiles, ...RepoFiles[]];
}

/** Which models a stack needs. Checked: ids are unique, each model's tier exists. */
export interface Catalog {
  readonly stack: string;
  /** By id, ascending. */
  readonly tiers: readonly Tier[];
  /** By tier, then in the catalog's order. */
  readonly models: readonly CatalogModel[];
  readonly variables: StackVariables;
  /** What Annie's own service is told, as compose fills it in. */
  readonly coreEnvironment: Readonly<Record<string, string>>;
  /** One question that shows that she works; null where none is known. */
  readonly proof: CatalogProof | null;
  /** The same of the warm-up's; `{tier}` stands for the last of the chosen tiers. */
  readonly warmupEnvironment: Readonly<Record<string, string>>;
  /** Which of the two need the Hub token. */
  readonly tokenFor: TokenFor;
  readonly gpuImages: readonly GpuImage[];
}

/** An image of a service beside Annie that needs the GPU. */
export interface GpuImage {
  /** The last part of its name: `kokoro-fastapi-gpu`. */
  readonly image: string;
  /** Memory that it takes once it runs, in GiB. */
  readonly memoryGib: number;
}

export interface CatalogProof {
  /** Asked only where she is to have it; null: always. */
  readonly capability: string | null;
  readonly method: "GET" | "POST";
  /** On Annie's own address, from "/" on. */
  readonly path: string;
  /** JSON; null where nothing is sent. */
  readonly body: unknown;
  /** Keys that lead to what the answer must hold. */
  readonly answer: readonly string[];
}

/** By which variables the stack's containers are told of the answers; what is left out is not told. */
export interface StackVariables {
  /** `progressive`, `wait`, `warmup` */
  readonly startup?: string;
  /** `1,2` */
  readonly tiers?: string;
  /** `openai/whisper-large-v3@06f233fe…,…` */
  readonly models?: string;
  /** Where the stack looks for models of its image. */
  readonly bakedModels?: string;
}

export interface TokenFor {
  readonly core: boolean;
  readonly warmup: boolean;
}

/** Tiers that are chosen unless somebody says otherwise. */
export function defaultTiers(catalog: Catalog): number[] {
  return catalog.tiers.filter((tier) => tier.required || tier.default).map((tier) => tier.id);
}

/** Tiers that Annie can't do without. */
export function requiredTiers(catalog: Catalog): number[] {
  return catalog.tiers.filter((tier) => tier.required).map((tier) => tier.id);
}

/**
 * Tier ids as asked, ascending, with the required ones added.
 * @throws Failure `tiers.unknown` (exit 2)
 */
export function completeTiers(catalog: Catalog, asked: readonly number[]): number[] {
  const known = catalog.tiers.map((tier) => tier.id);
  const wrong = asked.find((id) => !known.includes(id));
  if (wrong !== undefined) {
    throw failure("tiers.unknown", { tier: wrong, known });
  }
  return [...new Set([...requiredTiers(catalog), ...asked])].toSorted((a, b) => a - b);
}

/** The models of these tiers, lowest tier first. */
export function modelsOfTiers(catalog: Catalog, tiers: readonly number[]): CatalogModel[] {
  return catalog.models.filter((model) => tiers.includes(model.tier));
}

/** What the system and the databases need beside the models. */
export const systemMemoryGib = 8;

/** What these models take once loaded, in GiB: each set to a tenth, as it is shown, so that the sum is the sum of what is shown. */
export function memoryGibOf(models: readonly CatalogModel[]): number {
  const tiers = [...new Set(models.map(({ tier }) => tier))];
  const tenths = tiers.map((tier) => {
    const gib = models.reduce((sum, model) => sum + (model.tier === tier ? model.memoryGib : 0), 0);
    return Math.round(gib * 10);
  });
  return tenths.reduce((sum, each) => sum + each, 0) / 10;
}

/** The entry of an image as compose has it, from whatever registry; null for one that needs no GPU. */
export function gpuImageOf(
  { gpuImages }: Pick<Catalog, "gpuImages">,
  image: string,
): GpuImage | null {
  const [name = ""] = (image.split("@")[0]?.split("/").at(-1) ?? "").split(":");
  return gpuImages.find((each) => each.image === name) ?? null;
}

/** What services with these images take, in GiB, beside the models. */
export function servicesGibOf(
  catalog: Pick<Catalog, "gpuImages">,
  images: readonly string[],
): number {
  return images.reduce((sum, image) => sum + (gpuImageOf(catalog, image)?.memoryGib ?? 0), 0);
}

/** What these models let her do, each once, by the names of the health contract. */
export function capabilitiesOf(models: readonly CatalogModel[]): string[] {
  return [...new Set(models.flatMap(({ capability }) => capability ?? []))];
}

/** Of models that no catalog has: before those of every tier. */
export const noTier = 0;
