import type { Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { PullQuota } from "../../run/failures/registry.ts";
import { patienceMs } from "../retry-policy.ts";
import { transportFailureOf } from "../transport-failure.ts";
import type { Server } from "../request.ts";
import type { FailureScope } from "../source.ts";
import { dockerHub, type ImageReference } from "./reference.ts";

/** A registry, or a mirror of one, as sentences name it and as it is asked. */
export interface RegistryName {
  /** "Docker Hub", "ghcr.io" */
  readonly registry: string;
  /** "https://ghcr.io" */
  readonly address: string;
  /** It is asked for a model: sentences speak of that, and not of an image. */
  readonly models?: true;
}

/** A registry as a person calls it. */
export function calledRegistry(registry: string): string {
  return registry === dockerHub ? "Docker Hub" : registry;
}

/** An image's repository as a person writes it: Docker Hub's without its name, and its own without `library`. */
export function calledImage({
  registry,
  repository,
}: Pick<ImageReference, "registry" | "repository">): string {
  return registry === dockerHub
    ? repository.replace(/^library\//u, "")
    : `${registry}/${repository}`;
}

/** Something else answers in the registry's place. */
export function strangeAnswer(at: RegistryName, what: string, cause?: unknown): Failure {
  return failure("registry.captive_portal", { ...at, what }, cause);
}

/** What is wrong with the parts of an image, or of a model: `name` as a person calls it. */
export interface PartFailures {
  notFound(name: string, lacks: "tag" | "repository"): Failure;
  /** `said`: the registry's own words. */
  denied(
    name: string,
    why: { withLogin: boolean; said: string | null; problem: string | null },
  ): Failure;
  /** A blob that its manifest names is gone. */
  incomplete(name: string, digest: string): Failure;
  damaged(
    name: string,
    what: { part: "manifest" | "configuration"; expected: string; found: string },
  ): Failure;
  unusable(name: string, problem: string): Failure;
}

export function partFailures(at: RegistryName): PartFailures {
  if (at.models === true) {
    return {
      notFound: (model, lacks) => failure("ollama.not_found", { model, ...at, lacks }),
      denied: (model, { said }) => failure("ollama.denied", { model, ...at, said }),
      incomplete: (model, digest) => failure("ollama.incomplete", { model, ...at, digest }),
      damaged: (model, what) => failure("ollama.damaged", { model, ...at, ...what }),
      unusable: (model, problem) => failure("ollama.unusable", { model, problem }),
    };
  }
  return {
    notFound: (image, lacks) => failure("image.not_found", { image, ...at, lacks }),
    denied: (image, why) => failure("image.denied", { image, ...at, ...why }),
    incomplete: (image, digest) => failure("image.incomplete", { image, ...at, digest }),
    damaged: (image, what) => failure("image.damaged", { image, ...at, ...what }),
    unusable: (image, problem) => failure("image.unusable", { image, problem }),
  };
}

/** The failures of requests to a registry. */
export function requestFailures(
  at: RegistryName,
  withLogin: () => boolean = () => false,
): Server["failures"] {
  return {
    strange: (what, cause) => strangeAnswer(at, what, cause),
    redirectLoop: (host) => failure("registry.redirect_loop", { ...at, host }),
    unsafeRedirect: (host, cause) => failure("registry.unsafe_redirect", { ...at, host }, cause),
    usedUp: (headers, wait) => {
      const quota = usedUpQuota(headers);
      const isLong = wait === null ? quota !== null : wait.ms >= patienceMs;
      if (!isLong) return null;
      const data = { ...at, until: wait?.until ?? null, quota, withLogin: withLogin() };
      return failure("registry.rate_limited", data);
    },
  };
}

/**
 * The quota of pulls that a 429 says is used up, where nobody waits for its window to pass: Docker Hub's
 * `RateLimit-Limit: 100;w=21600` and `RateLimit-Remaining: 0;w=21600` (https://docs.docker.com/docker-hub/usage/pulls/).
 */
function usedUpQuota(headers: Readonly<Record<string, string>>): PullQuota | null {
  const pattern = /^\s*(?<count>\d{1,9})\s*;\s*w=(?<seconds>\d{1,9})/u;
  const limit = pattern.exec(headers["ratelimit-limit"] ?? "")?.groups;
  const left = pattern.exec(headers["ratelimit-remaining"] ?? "")?.groups;
  if (limit === undefined || left === undefined || Number(left["count"]) > 0) return null;
  const windowMs = Number(limit["seconds"]) * 1000;
  return windowMs > patienceMs ? { pulls: Number(limit["count"]), windowMs } : null;
}

/** What a request ended with after the last try, as a failure that says what to do. Others are passed through. */
export function failureOfError(error: unknown, at: RegistryName): unknown {
  return transportFailureOf(error, {
    tls: (reason) => failure("registry.tls", { ...at, reason }, error),
    proxy: (trouble) => failure("registry.proxy", { ...at, ...trouble }, error),
    transient({ kind, until, waitMs, message: reason }) {
      const limit = { ...at, quota: null, withLogin: false };
      // Whatever its status: who asks for so long a wait has told when to come back.
      if (until !== null && (waitMs ?? 0) >= patienceMs) {
        return failure("registry.rate_limited", { ...limit, until }, error);
      }
      switch (kind) {
        case "rate-limited":
          return failure("registry.rate_limited", { ...limit, until: null }, error);
        case "server":
        case "bad-answer":
          return failure("registry.server_error", { ...at, reason }, error);
        case "network":
        case "refused":
        case "expired":
        case "strange":
          return failure("registry.unreachable", { ...at, reason }, error);
      }
    },
  });
}

/** Of a network that was waited for without an answer. */
const ofNetwork = ["registry.unreachable", "registry.rate_limited", "registry.server_error"];

/** What a failure means for other files: there are other registries, so none of them ends everything. */
export function scopeOf({ code }: Failure): FailureScope {
  return ofNetwork.includes(code) ? "network" : "file";
}
