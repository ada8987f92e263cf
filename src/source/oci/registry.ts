import type { Host } from "../../host/host.ts";
import { isLoopback } from "../../host/network.ts";
import { untilAborted } from "../../run/concurrency.ts";
import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { imageFilesOf } from "../../run/repos/file-listing.ts";
import type { FoundLogin } from "../../run/secret.ts";
import { fromMemory } from "../from-memory.ts";
import { type EndpointSwitch, preferInOrder } from "../mirrors.ts";
import {
  type AskAgain,
  type Attempt,
  createAskAgain,
  patienceMs,
  retryOnce,
  transientOnceServed,
} from "../retry-policy.ts";
import type { Source } from "../source.ts";
import {
  openBlob,
  requireBlob,
  digestOf,
  type Document,
  readBlob,
  readManifest,
  untilSound,
} from "./content.ts";
import { calledImage, calledRegistry, failureOfError, partFailures, scopeOf } from "./failures.ts";
import {
  type Platform,
  platformOf,
  chooseEntry,
  type Descriptor,
  type ImageManifest,
  type LayerDescriptor,
  parseConfig,
  parseManifest,
} from "./manifest.ts";
import {
  dockerHub,
  type ImageReference,
  isDigest,
  isTag,
  parseImageRepo,
  revisionOf,
} from "./reference.ts";
import { type Asked, openSession, type RegistrySession } from "./request.ts";

/** Registries of container images as one source: a layer is a file, whose path is its digest. */
export interface Registries extends Source {
  /** What an image's name stands for, pinned for this run: a tag that moves meanwhile is not looked up again. */
  resolve(
    reference: ImageReference,
    platform: Platform,
    signal: AbortSignal,
  ): Promise<ResolvedImage>;
}

/** `refused`: by the registry, and it is not sent again. `unreadable`: Docker keeps one that can't be had. */
export type LoginProblem =
  | { readonly registry: string; readonly why: "refused" }
  | { readonly registry: string; readonly why: "unreadable"; readonly problem: string };

export interface RegistriesOptions {
  readonly host: Pick<Host, "network" | "clock" | "random" | "arch">;
  /** The login that Docker keeps for a registry, by its host; `docker.io` is Docker Hub. */
  readonly credentials: (registry: string, signal: AbortSignal) => Promise<FoundLogin>;
  /** Of Docker Hub, as the engine has them: asked before it, in this order. They get no login of Docker Hub's. */
  readonly mirrors?: readonly string[];
  /** Servers of another heros: each is asked for the images of every registry, before that. */
  readonly nearby?: readonly string[];
  readonly onRetry?: (attempt: Attempt & { readonly registry: string }) => void;
  readonly onSwitch?: (change: EndpointSwitch) => void;
  /** Told once for each registry; the images that anybody may have are had without it. */
  readonly onLoginProblem?: (problem: LoginProblem) => void;
  /** How long an answer is waited for in all. Default ten minutes. */
  readonly forMs?: number;
  /** How long one answer that is no layer may take. Default 30 s. */
  readonly answerLimitMs?: number;
}

/** One registry, or a mirror of it, as a source. */
interface OneRegistry extends Source {
  resolve(
    reference: ImageReference,
    platform: Platform,
    signal: AbortSignal,
  ): Promise<ResolvedImage>;
}

/** Asks nothing yet. */
export function openRegistries(options: RegistriesOptions): Registries {
  const { host } = options;
  const opened = new Map<string, OneRegistry>();
  const pinned = new Map<string, Promise<ResolvedImage>>();

  function registryOf(registry: string): OneRegistry {
    const known = opened.get(registry) ?? openRegistry(options, registry);
    opened.set(registry, known);
    return known;
  }
  function sourceOf(repo: string): OneRegistry {
    const image = parseImageRepo(repo);
    if (image === null) throw badRepo(repo);
    return registryOf(image.registry);
  }

  async function resolve(
    reference: ImageReference,
    platform: Platform,
    signal: AbortSignal,
  ): Promise<ResolvedImage> {
    const { registry, repository, tag, digest } = reference;
    const key = JSON.stringify([registry, repository, tag, digest, platform]);
    const underWay = pinned.get(key)?.catch(() => null) ?? Promise.resolve(null);
    const known = await untilAborted(underWay, signal);
    if (known !== null) return { ...known, reference };
    const resolved = registryOf(registry).resolve(reference, platform, signal);
    pinned.set(key, resolved);
    return resolved;
  }

  return {
    endpoint: "the image registries",
    offline: false,
    resolve,
    async list(repo, revision, signal) {
      const image = parseImageRepo(repo);
      if (image === null) throw badRepo(repo);
      const name = `${calledImage(image)}${isDigest(revision) ? "@" : ":"}${revision}`;
      const [tag, digest] = isDigest(revision) ? [null, revision] : [revision, null];
      if (digest === null && !isTag(revision)) {
        throw failure("image.bad_name", { image: name, problem: "the tag is not valid" });
      }
      const reference = { ...image, name, tag, digest };
      const found = await resolve(reference, platformOf(host), signal);
      return { repo, revision, commit: found.manifestDigest, files: imageFilesOf(found) };
    },
    requireAccess: (repo, commit, path, signal) =>
      sourceOf(repo).requireAccess(repo, commit, path, signal),
    open: async (request) => sourceOf(request.repo).open(request),
    serverOf: (repo) => parseImageRepo(repo)?.registry ?? "",
    failureOf(error, repo) {
      const image = parseImageRepo(repo);
      return image === null ? error : registryOf(image.registry).failureOf(error, repo);
    },
    scopeOf,
  };
}

function badRepo(repo: string): Failure {
  return failure("image.bad_name", { image: repo, problem: "it is not a registry's repository" });
}

/** A registry by its name, with its mirrors before it. It is asked again until it answers; what a person must fix is thrown right away. */
function openRegistry(options: RegistriesOptions, registry: string): OneRegistry {
  const { host, mirrors = [], nearby = [], onRetry, onSwitch, forMs = patienceMs } = options;
  const tell = (attempt: Attempt): void =>
    onRetry?.({ ...attempt, registry: calledRegistry(registry) });
  const ask = createAskAgain(host, onRetry === undefined ? undefined : tell);
  const authority = connectOne(options, { registry, address: addressOf(registry) });
  const safe = registry === dockerHub ? mirrors.filter(isSafeMirror) : [];
  const near = nearby.map((address) =>
    connectOne(options, { registry: new URL(address).host, address, below: registry }),
  );
  const mirroring = safe.map((mirror) => {
    const address = mirror.replace(/\/+$/u, "");
    return connectOne(options, { registry: new URL(address).host, address });
  });
  const [first, ...others] = [...near, ...mirroring];
  if (first === undefined) return untilAnswered(authority, { ask, forMs });
  const { clock } = host;
  const all = preferInOrder([first, ...others, authority], { clock, authority, onSwitch });
  const resolve: OneRegistry["resolve"] = (reference, platform, signal) =>
    all.askSoon(signal, (one, either) => one.resolve(reference, platform, either));
  return untilAnswered({ ...all, resolve }, { ask, forMs });
}

function untilAnswered(
  one: OneRegistry,
  { ask, forMs }: { ask: AskAgain; forMs: number },
): OneRegistry {
  return {
    ...one,
    resolve: (reference, platform, signal) =>
      ask(() => one.resolve(reference, platform, signal), { signal, forMs }),
    requireAccess: (repo, commit, path, signal) =>
      ask(() => one.requireAccess(repo, commit, path, signal), {
        signal,
        forMs,
        isTransient: transientOnceServed,
      }),
  };
}

/** Docker Hub's images are at another host than its name. What is on this machine is asked without TLS, and nothing else. */
export function addressOf(registry: string): string {
  if (registry === dockerHub) return "https://registry-1.docker.io";
  const { hostname } = new URL(`https://${registry}`);
  return `${isLoopback(hostname) ? "http" : "https"}://${registry.toLowerCase()}`;
}

/** A mirror says what a tag stands for, so that nobody on the way may change its answer. */
function isSafeMirror(mirror: string): boolean {
  const url = URL.parse(mirror);
  if (url === null || url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

interface OneAddress {
  /** By which its login is found, and its images are called. */
  readonly registry: string;
  readonly address: string;
  /** There, repositories stand below the name of this registry. Left out, they do not. */
  readonly below?: string;
}

function connectOne(
  { host, credentials, onLoginProblem, answerLimitMs = 30_000 }: RegistriesOptions,
  { registry, address, below }: OneAddress,
): OneRegistry {
  const at = { registry: calledRegistry(registry), address };
  const session = openSession({
    host,
    at,
    answerLimitMs,
    async findLogin(signal) {
      const found = await credentials(registry, signal);
      const { problem } = found;
      if (problem !== null) {
        onLoginProblem?.({ registry: at.registry, why: "unreadable", problem });
      }
      return found;
    },
    onLoginRefused: () => onLoginProblem?.({ registry: at.registry, why: "refused" }),
  });
  return sourceOver(session, { host, prefix: below === undefined ? "" : `${below}/` });
}

function sourceOver(
  session: RegistrySession,
  { host, prefix }: { readonly host: RegistriesOptions["host"]; readonly prefix: string },
): OneRegistry {
  const { at } = session;
  /** By their digests: what an image is made of says too how it runs, and nobody asks for it twice. */
  const configs = new Map<string, Buffer>();
  const askedOf = (repo: string): Asked => {
    const image = parseImageRepo(repo);
    if (image === null) throw badRepo(repo);
    return { image: calledImage(image), repository: `${prefix}${image.repository}` };
  };
  const told = async <T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> => {
    try {
      return await retryOnce(host, signal, call);
    } catch (error) {
      signal.throwIfAborted();
      throw failureOfError(error, at);
    }
  };
  return {
    endpoint: at.registry,
    offline: false,
    list: () => Promise.reject(new Error("an image is resolved")),
    resolve(reference, platform, signal) {
      const { name: image, repository } = reference;
      const asked = { image, repository: `${prefix}${repository}` };
      const wanted = { reference, platform, asked };
      return told(signal, async () => {
        const { image: resolved, configBytes } = await resolveImage(session, wanted, signal);
        configs.set(resolved.config.digest, configBytes);
        return resolved;
      });
    },
    requireAccess: (repo, _commit, path, signal) =>
      told(signal, () => requireBlob(session, askedOf(repo), path, signal)),
    open: async (request) => {
      const known = configs.get(request.path);
      if (known !== undefined) return fromMemory(known, request);
      return openBlob(session, askedOf(request.repo), request);
    },
    failureOf: (error) => failureOfError(error, at),
    scopeOf,
  };
}

/** An image for one platform, all of whose parts are known by digest and size. */
export interface ResolvedImage {
  readonly reference: ImageReference;
  /** What an engine calls it by after a pull: of the index where there is one, else of the manifest. */
  readonly digest: string;
  readonly manifestDigest: string;
  /** Of the manifest. */
  readonly mediaType: string;
  /** As the registry gave it; null where the name leads to a manifest. */
  readonly index: Buffer | null;
  readonly manifest: Buffer;
  readonly config: Descriptor;
  /** From the lowest on; one that stands there twice is listed twice. */
  readonly layers: readonly LayerDescriptor[];
  /** Of the unpacked layers, from the lowest on. */
  readonly diffIds: readonly string[];
  /** What its label says of the models in it; left out where it says nothing. */
  readonly modelsLabel?: string;
  /** The registry gave it without a login, as to anybody. */
  readonly anonymous?: true;
}

/** An index may name another one; nobody goes deeper than this. */
const maxIndexes = 3;

/**
 * What an image's name stands for at a registry: its manifest for this platform, and what its configuration says. Each is
 * checked by its digest.
 * @throws Failure `image.not_found`, `image.denied`, `image.unusable`, … (2), `image.no_platform` (4), `image.damaged` (6);
 *   TransientError, Node's errors, AbortError
 */
export async function resolveImage(
  session: RegistrySession,
  { reference, asked, platform }: { reference: ImageReference; asked: Asked; platform: Platform },
  signal: AbortSignal,
): Promise<{ readonly image: ResolvedImage; readonly configBytes: Buffer }> {
  const { image } = asked;
  const read = (revision: string): Promise<Document> =>
    untilSound(() => readManifest(session, asked, revision, signal));
  const named = await read(revisionOf(reference));
  let document = named;
  let manifest = parseManifest(document, image);
  for (let depth = 0; manifest.kind === "index"; depth += 1) {
    if (depth === maxIndexes) {
      throw failure("image.unusable", { image, problem: "its index leads to ever more indexes" });
    }
    const entry = chooseEntry(manifest.entries, platform, image);
    document = await read(entry.digest);
    manifest = parseManifest(document, image);
  }
  const { mediaType, config, layers } = manifest;
  const configBytes = await readConfig(session, asked, manifest, signal);
  const wanted = { image, wanted: platform, layers: layers.length };
  const { diffIds, modelsLabel } = parseConfig(configBytes, wanted);
  const resolved: ResolvedImage = {
    reference,
    digest: named.digest,
    manifestDigest: document.digest,
    mediaType,
    index: document === named ? null : named.bytes,
    manifest: document.bytes,
    config,
    layers,
    diffIds,
    ...(modelsLabel === undefined ? {} : { modelsLabel }),
    ...(session.loginState().used ? {} : { anonymous: true }),
  };
  return { image: resolved, configBytes };
}

function readConfig(
  session: RegistrySession,
  asked: Asked,
  { config }: ImageManifest,
  signal: AbortSignal,
): Promise<Buffer> {
  const { digest: expected, sizeBytes } = config;
  return untilSound(async () => {
    const bytes = await readBlob(session, asked, { digest: expected, maxBytes: sizeBytes }, signal);
    const found = bytes === null ? "more bytes" : digestOf(bytes);
    if (bytes !== null && found === expected) return bytes;
    const { damaged } = partFailures(session.at);
    throw damaged(asked.image, { part: "configuration", expected, found });
  });
}
