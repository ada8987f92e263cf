import type { Clock } from "../../host/host.ts";
import { Failure } from "../../run/failure.ts";
import { commitPattern, type Listing } from "../../run/repos/file-listing.ts";
import type { Source } from "../../source/source.ts";
import type { Refusal } from "../exchange.ts";

export interface UpstreamOptions {
  readonly host: { readonly clock: Clock };
  /** The Hub, asked as anybody may, or with the token of this machine. Lists that it gave are kept. */
  readonly open: (as: "anybody" | "owner") => Source;
  readonly signal: AbortSignal;
}

/** The Hub that is asked for what this machine does not have. */
export interface Upstream {
  source(as: "anybody" | "owner"): Source;
  /** The commit that a branch means there, and its files. @throws Failure `hub.…`, AbortError */
  list(repo: string, revision: string, as: "anybody" | "owner"): Promise<Listing>;
}

/** A branch is asked for again after so long. */
const branchMs = 60_000;
/** A Hub that failed is left alone for a moment: this machine may have what is asked for. */
const failedMs = 10_000;
const mostKnown = 1000;

export function connectUpstream({ host, open, signal }: UpstreamOptions): Upstream {
  const sources = { anybody: open("anybody"), owner: open("owner") };
  const known = new Map<string, { readonly atMs: number; readonly listing: Promise<Listing> }>();

  return {
    source: (as) => sources[as],
    list(repo, revision, as) {
      const key = JSON.stringify([repo, revision, as]);
      const nowMs = host.clock.monotonicMs();
      const before = known.get(key);
      if (before !== undefined && nowMs < before.atMs) return before.listing;
      if (known.size >= mostKnown) known.clear();
      const listing = sources[as].list(repo, revision, signal);
      const goodMs = commitPattern.test(revision) ? failedMs : branchMs;
      known.set(key, { atMs: nowMs + goodMs, listing });
      listing.catch(() => known.set(key, { atMs: nowMs + failedMs, listing }));
      return listing;
    },
  };
}

/** What a client is told where the Hub, or the disk, did not let this server have what it asked for. */
export function refusalOf(error: unknown): Refusal {
  const message = error instanceof Failure ? error.message : "This server could not download it";
  switch (error instanceof Failure ? error.code : "") {
    case "hub.repo_not_found":
      return { status: 404, code: "RepoNotFound", message };
    case "hub.revision_not_found":
      return { status: 404, code: "RevisionNotFound", message };
    case "hub.file_not_found":
      return { status: 404, code: "EntryNotFound", message };
    case "hub.gated":
    case "hub.forbidden":
      return { status: 403, code: "GatedRepo", message };
    case "hub.rate_limited":
      return { status: 503, message, headers: { "Retry-After": "60" } };
    case "disk.too_small":
      return { status: 507, message };
    default:
      return { status: 502, message };
  }
}
