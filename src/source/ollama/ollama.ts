import type { Host } from "../../host/host.ts";
import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { Listing } from "../../run/repos/file-listing.ts";
import {
  calledOllama,
  isOllamaTag,
  ollamaFilesOf,
  type OllamaRepo,
  parseOllamaRepo,
} from "../../run/repos/ollama.ts";
import { fromMemory } from "../from-memory.ts";
import { openBlob, readManifest, requireBlob, untilSound } from "../oci/content.ts";
import { failureOfError, type RegistryName, scopeOf } from "../oci/failures.ts";
import { addressOf } from "../oci/registry.ts";
import { type Asked, openSession, type RegistrySession } from "../oci/request.ts";
import {
  type AskAgain,
  type Attempt,
  createAskAgain,
  patienceMs,
  retryOnce,
  transientOnceServed,
} from "../retry-policy.ts";
import type { Source } from "../source.ts";

export interface OllamaOptions {
  readonly host: Pick<Host, "network" | "clock" | "random">;
  readonly onRetry?: (attempt: Attempt & { readonly registry: string }) => void;
  /** Nothing is asked. */
  readonly offline?: boolean;
  /** By their digests, for all that ask in a run. */
  readonly manifests?: Map<string, Buffer>;
  /** How long an answer is waited for in all. Default ten minutes. */
  readonly forMs?: number;
  /** How long one answer that is no layer may take. Default 30 s. */
  readonly answerLimitMs?: number;
}

/** The kind of manifests that Ollama asks for. */
const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

interface OneRegistry {
  readonly at: RegistryName;
  readonly session: RegistrySession;
  readonly ask: AskAgain;
}

/**
 * Registries of Ollama's models, which speak as those of images do: a layer is a file, whose path is its digest. A model's
 * manifest is a file, too, which is served from memory: the bytes that were listed. Asks nothing yet.
 */
export function openOllama(options: OllamaOptions): Source {
  const { host, onRetry, offline = false, forMs = patienceMs, answerLimitMs = 30_000 } = options;
  const opened = new Map<string, OneRegistry>();
  const { manifests = new Map<string, Buffer>() } = options;

  function open(registry: string): OneRegistry {
    const at: RegistryName = { registry, address: addressOf(registry), models: true };
    const tell = (attempt: Attempt): void => onRetry?.({ ...attempt, registry });
    return {
      at,
      session: openSession({
        host,
        at,
        answerLimitMs,
        accept: [manifestType],
        findLogin: async () => ({ login: null, problem: null }),
        onLoginRefused: () => {},
      }),
      ask: createAskAgain(host, tell),
    };
  }
  function registryOf({ registry }: OllamaRepo): OneRegistry {
    const known = opened.get(registry) ?? open(registry);
    opened.set(registry, known);
    return known;
  }
  /** Asks until there is an answer, and throws what a person must fix right away. */
  async function told<T>(
    { at, ask }: OneRegistry,
    signal: AbortSignal,
    call: () => Promise<T>,
    isTransient?: typeof transientOnceServed,
  ): Promise<T> {
    const once = async (): Promise<T> => {
      try {
        return await retryOnce(host, signal, call);
      } catch (error) {
        signal.throwIfAborted();
        throw failureOfError(error, at);
      }
    };
    return ask(once, { signal, forMs, ...(isTransient === undefined ? {} : { isTransient }) });
  }
  async function fetchManifest(repo: string, revision: string, signal: AbortSignal) {
    const named = partsOf(repo);
    const registry = registryOf(named);
    const asked = askedOf(named, revision);
    const document = await told(registry, signal, () =>
      untilSound(() => readManifest(registry.session, asked, revision, signal)),
    );
    manifests.set(document.digest, document.bytes);
    return document;
  }

  return {
    endpoint: "Ollama's registry",
    offline,
    async list(repo, revision, signal): Promise<Listing> {
      signal.throwIfAborted();
      const named = partsOf(repo);
      const called = calledOllama(named, revision);
      if (offline) throw failure("hub.offline", { missing: called });
      if (!isOllamaTag(revision)) {
        throw failure("ollama.bad_name", { name: called, problem: "the tag is not valid" });
      }
      const document = await fetchManifest(repo, revision, signal);
      const files = ollamaFilesOf({ ...named, tag: revision }, document);
      return { repo, revision, commit: document.digest, files };
    },
    async requireAccess(repo, commit, path, signal) {
      if (isManifest(path)) return;
      const registry = registryOf(partsOf(repo));
      const asked = askedOf(partsOf(repo), commit);
      const call = () => requireBlob(registry.session, asked, path, signal);
      await told(registry, signal, call, transientOnceServed);
    },
    async open(request) {
      const { repo, commit, path, signal } = request;
      const named = partsOf(repo);
      if (!isManifest(path)) {
        return openBlob(registryOf(named).session, askedOf(named, commit), request);
      }
      const digest = `sha256:${request.blobName}`;
      const known = manifests.get(digest);
      return fromMemory(known ?? (await fetchManifest(repo, digest, signal)).bytes, request);
    },
    serverOf: (repo) => partsOf(repo).registry,
    failureOf: (error, repo) => failureOfError(error, registryOf(partsOf(repo)).at),
    scopeOf,
  };
}

/** Layers are named by their digests. */
function isManifest(path: string): boolean {
  return !path.startsWith("sha256:");
}

function partsOf(repo: string): OllamaRepo {
  const named = parseOllamaRepo(repo);
  if (named === null) throw badRepo(repo);
  return named;
}

function badRepo(repo: string): Failure {
  return failure("ollama.bad_name", { name: repo, problem: "it is not a model of a registry" });
}

function askedOf(named: OllamaRepo, revision: string): Asked {
  const { namespace, model } = named;
  // A digest says nothing to people.
  const tag = revision.startsWith("sha256:") ? null : revision;
  return { image: calledOllama(named, tag), repository: `${namespace}/${model}` };
}
