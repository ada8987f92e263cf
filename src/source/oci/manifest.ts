import { z } from "zod";
import type { Host } from "../../host/host.ts";
import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { isRecord, parseJson } from "../../run/json.ts";
import type { Document } from "./content.ts";
import { isDigest } from "./reference.ts";
import { manifestTypes } from "./request.ts";

/** What containers run on, with Go's names: `linux`, `arm64`, `v8`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Null where the architecture has none that matters. */
  readonly variant: string | null;
}

export interface Descriptor {
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface LayerDescriptor extends Descriptor {
  readonly mediaType: string;
}

/** An image for one platform. */
export interface ImageManifest {
  readonly mediaType: string;
  readonly config: Descriptor;
  /** From the lowest on. */
  readonly layers: readonly LayerDescriptor[];
}

/** What an image's configuration says of it. */
export interface ImageConfig {
  readonly platform: Platform;
  /** Of the unpacked layers, from the lowest on. */
  readonly diffIds: readonly string[];
  /** What its label says of the models in it; left out where it says nothing. */
  readonly modelsLabel?: string;
}

const architectures: Readonly<Record<string, string>> = { aarch64: "arm64", x86_64: "amd64" };

/** The platform of this machine's containers. */
export function platformOf({ arch }: Pick<Host, "arch">): Platform {
  return platform("linux", architectures[arch] ?? arch, null);
}

/** As compose writes one: `linux/arm64`, `linux/arm/v7`. @throws Failure `image.unusable` */
export function parsePlatform(text: string, image: string): Platform {
  const [os = "", architecture = "", variant = null, ...more] = text.toLowerCase().split("/");
  if (more.length > 0 || [os, architecture].some((part) => !/^\w+$/u.test(part))) {
    const problem = `${JSON.stringify(text)} is not a platform such as linux/arm64`;
    throw failure("image.unusable", { image, problem });
  }
  return platform(os, architectures[architecture] ?? architecture, variant);
}

/** As github.com/containerd/platforms normalizes it: of arm64, v8 goes without saying, of amd64 v1, and a bare arm means v7. */
function platform(os: string, architecture: string, variant: string | null): Platform {
  const given = /^\d/u.test(variant ?? "") ? `v${variant}` : variant || null;
  if (architecture === "arm") return { os, architecture, variant: given ?? "v7" };
  const usual = { arm64: "v8", amd64: "v1" }[architecture];
  return { os, architecture, variant: given === usual ? null : given };
}

export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === null ? [] : [variant])].join("/");
}

/** What stands behind an image's name at a registry. */
export type Manifest =
  | ({ readonly kind: "image" } & ImageManifest)
  | { readonly kind: "index"; readonly entries: readonly IndexEntry[] };

export interface IndexEntry extends Descriptor {
  /** Null where the index does not say. */
  readonly platform: Platform | null;
}

const size = z.number().int().nonnegative();
const descriptor = z.object({
  mediaType: z.string().default(""),
  digest: z.string(),
  size,
  annotations: z.record(z.string(), z.unknown()).nullish().catch(null),
  platform: z
    .object({ os: z.string(), architecture: z.string(), variant: z.string().nullish().catch(null) })
    .nullish()
    .catch(null),
});
type Described = z.output<typeof descriptor>;
const indexSchema = z.object({ manifests: z.array(descriptor) });
const imageSchema = z.object({ config: descriptor, layers: z.array(descriptor) });

/** Overlay file systems stack no more (OVL_MAX_STACK of Linux). */
const maxLayers = 500;
/** No layer is larger, and no configuration. */
const maxBytes = { layer: 1e12, config: 8 * 1024 * 1024 };

/** A manifest's own words, once they are known to be sound. @throws Failure `image.unusable` (2) */
export function parseManifest({ bytes, contentType }: Document, image: string): Manifest {
  const refuse = refusalOf(image);
  const json = parseJson(bytes.toString("utf8"));
  if (!isRecord(json)) throw refuse("its manifest is not a JSON object");
  const kind = kindOf(json, contentType, refuse);
  const parsed = (kind === "index" ? indexSchema : imageSchema).safeParse(json);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join(".") ?? "";
    throw refuse(`its manifest is not valid at ${where === "" ? "its top" : where}`);
  }
  const manifest = parsed.data;
  if ("manifests" in manifest)
    return { kind: "index", entries: entriesOf(manifest.manifests, refuse) };
  const mediaType = typeof json["mediaType"] === "string" ? json["mediaType"] : contentType;
  const [usual = ""] = manifestTypes.image;
  return {
    kind: "image",
    mediaType: manifestTypes.image.includes(mediaType) ? mediaType : usual,
    ...checkImage(manifest, refuse),
  };
}

type Refuse = (problem: string) => Failure;

function refusalOf(image: string): Refuse {
  return (problem) => failure("image.unusable", { image, problem });
}

/** By what it calls itself, else by what the registry calls it, else by its fields. One that could be read as both is neither (CVE-2021-41190). */
function kindOf(
  json: Readonly<Record<string, unknown>>,
  contentType: string,
  refuse: Refuse,
): Manifest["kind"] {
  if (json["schemaVersion"] === 1) {
    throw refuse("it is in Docker's old format (schema 1), which current engines no longer read");
  }
  const looksLikeIndex = "manifests" in json;
  const looksLikeImage = "config" in json || "layers" in json;
  if (looksLikeIndex === looksLikeImage) throw refuse("its manifest has no layers and no images");
  const kind = looksLikeIndex ? "index" : "image";
  const other = manifestTypes[looksLikeIndex ? "image" : "index"];
  const { mediaType = contentType } = json;
  const known = [...manifestTypes.index, ...manifestTypes.image];
  if ([mediaType, contentType].some((type) => typeof type === "string" && other.includes(type))) {
    throw refuse("its manifest is not what it says it is");
  }
  if (typeof json["mediaType"] === "string" && !known.includes(json["mediaType"])) {
    throw refuse(`its manifest is of a kind that heros does not know (${json["mediaType"]})`);
  }
  return kind;
}

/** Without what is no image: attestations, signatures and the like. */
function entriesOf(manifests: readonly Described[], refuse: Refuse): IndexEntry[] {
  const known = ["", ...manifestTypes.index, ...manifestTypes.image];
  return manifests
    .filter(({ mediaType, annotations, platform: own }) => {
      const attached = annotations?.["vnd.docker.reference.type"] !== undefined;
      const nowhere = own?.os === "unknown" || own?.architecture === "unknown";
      return known.includes(mediaType.toLowerCase()) && !attached && !nowhere;
    })
    .map(({ platform: own, ...each }) => ({
      ...checkDescriptor(each, refuse),
      platform:
        own === null || own === undefined
          ? null
          : platform(own.os, own.architecture, own.variant ?? null),
    }));
}

function checkDescriptor(
  { digest, size: sizeBytes }: Pick<Described, "digest" | "size">,
  refuse: Refuse,
): Descriptor {
  if (isDigest(digest)) return { digest, sizeBytes };
  throw refuse(
    `it names a part by ${JSON.stringify(digest.slice(0, 80))}, which is not a sha256 digest`,
  );
}

/** Those of old registries, which named none. */
const unnamedConfigs = ["", "application/octet-stream", "text/html"];
const configTypes = [
  "application/vnd.docker.container.image.v1+json",
  "application/vnd.oci.image.config.v1+json",
  ...unnamedConfigs,
];
const layerType =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[.+](?:gzip|zstd))?$/u;
const foreignType = /\.(?:foreign\.diff|layer\.nondistributable\.)/u;

function checkImage(
  { config, layers }: z.output<typeof imageSchema>,
  refuse: Refuse,
): Omit<ImageManifest, "mediaType"> {
  if (!configTypes.includes(config.mediaType)) {
    throw refuse(`it is not a container image, but holds ${config.mediaType}`);
  }
  if (layers.length === 0) throw refuse("it has no layers");
  if (layers.length > maxLayers) {
    throw refuse(
      `it has ${layers.length} layers, and no file system stacks more than ${maxLayers}`,
    );
  }
  const sizes = new Map<string, number>();
  for (const [each, most] of [
    [config, maxBytes.config] as const,
    ...layers.map((layer) => [layer, maxBytes.layer] as const),
  ]) {
    const { digest, sizeBytes } = checkDescriptor(each, refuse);
    if (sizeBytes === 0 || sizeBytes > most) {
      throw refuse(`${digest} can't have ${sizeBytes} bytes, as its manifest says`);
    }
    if ((sizes.get(digest) ?? sizeBytes) !== sizeBytes) {
      throw refuse(`its manifest gives ${digest} two sizes`);
    }
    sizes.set(digest, sizeBytes);
  }
  const foreign = layers.find(({ mediaType }) => foreignType.test(mediaType));
  if (foreign !== undefined) {
    throw refuse("it has layers that its registry does not hand on (foreign layers)");
  }
  const strange = layers.find(({ mediaType }) => !layerType.test(mediaType));
  if (strange !== undefined) {
    throw refuse(`it has a layer of a kind that heros does not know (${strange.mediaType})`);
  }
  return {
    config: checkDescriptor(config, refuse),
    layers: layers.map((layer) => ({
      ...checkDescriptor(layer, refuse),
      mediaType: layer.mediaType,
    })),
  };
}

/**
 * The entry for a platform; of several the first. One without a platform is taken where no other fits: its own configuration
 * says what it is for.
 * @throws Failure `image.no_platform` (4), which names those that there are
 */
export function chooseEntry(
  entries: readonly IndexEntry[],
  wanted: Platform,
  image: string,
): IndexEntry {
  const text = platformText(wanted);
  const found =
    entries.find((entry) => entry.platform !== null && platformText(entry.platform) === text) ??
    entries.find((entry) => entry.platform === null);
  if (found !== undefined) return found;
  const all = entries.flatMap((entry) => (entry.platform === null ? [] : [entry.platform]));
  throw noPlatform(image, wanted, all);
}

function noPlatform(image: string, wanted: Platform, all: readonly Platform[]): Failure {
  const available = [...new Set(all.map(platformText))].toSorted();
  return failure("image.no_platform", { image, platform: platformText(wanted), available });
}

const configSchema = z.object({
  os: z.string().default(""),
  architecture: z.string().default(""),
  variant: z.string().nullish().catch(null),
  rootfs: z.object({ diff_ids: z.array(z.string()) }),
  config: z
    .object({ Labels: z.record(z.string(), z.string()).nullish() })
    .nullish()
    .catch(null),
});

/** The label that lists the models in an image: repositories with commas between them. */
export const modelsLabelName = "org.heros.models";

/**
 * An image's configuration.
 * @throws Failure `image.unusable` (2), and `image.no_platform` (4) where it is for another platform than was asked for
 */
export function parseConfig(
  bytes: Buffer,
  { image, wanted, layers }: { image: string; wanted: Platform; layers: number },
): ImageConfig {
  const refuse = refusalOf(image);
  const config = configSchema.safeParse(parseJson(bytes.toString("utf8"))).data;
  if (config === undefined) throw refuse("its configuration is not valid");
  const { diff_ids: diffIds } = config.rootfs;
  if (!diffIds.every(isDigest)) throw refuse("its configuration names a layer by no sha256 digest");
  if (diffIds.length !== layers) {
    throw refuse(`its configuration has ${diffIds.length} layers, and its manifest ${layers}`);
  }
  const { os, architecture, variant = null } = config;
  const own = platform(os || wanted.os, architecture || wanted.architecture, variant);
  const fits = own.os === wanted.os && own.architecture === wanted.architecture;
  if (!fits) throw noPlatform(image, wanted, [own]);
  const modelsLabel = config.config?.Labels?.[modelsLabelName];
  return { platform: own, diffIds, ...(modelsLabel === undefined ? {} : { modelsLabel }) };
}
