import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { HubOptions } from "../../../src/demo/hub/hub.ts";
import { Secret } from "../../../src/run/secret.ts";
import { type Access, cachedModels } from "../../../src/serve/hub/cached-models.ts";
import { createFetchFiles } from "../../../src/serve/hub/fetch-files.ts";
import { hubSite } from "../../../src/serve/hub/hub-site.ts";
import { keptListings } from "../../../src/serve/hub/kept-listings.ts";
import { connectUpstream } from "../../../src/serve/hub/upstream.ts";
import { openServer } from "../../../src/serve/server.ts";
import { openScene, type Scene } from "../../download/scene.ts";

export const serverToken = "a-token-of-this-server";

export interface ServeScene {
  readonly scene: Scene;
  /** Paths, as each is in the cache, or why it is not. */
  readonly fetched: readonly string[];
  close(): Promise<void>;
  /** Of the server. */
  readonly url: string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

export interface ServedOptions {
  readonly access?: (repo: string) => Access;
  /** What is in the cache. Default: all. */
  readonly pull?: HubOptions["repos"];
  /** What is missing is fetched from the Hub. */
  readonly missing?: boolean;
}

/** A Hub, a cache with all of its models, and a server of that cache. */
export async function openServed(
  options: HubOptions,
  { access = () => "public", pull = options.repos, missing = false }: ServedOptions = {},
): Promise<ServeScene> {
  const scene = await openScene(options);
  onTestFinished(() => scene[Symbol.asyncDispose]());
  await scene.pull(
    pull.map(({ id: repo, branch: revision = "main" }) => ({
      id: repo,
      title: repo,
      priority: 1,
      purpose: "Test",
      parts: [{ repo, revision, files: null }],
    })),
  );
  const { host, cacheDir } = scene;
  const closing = new AbortController();
  const { signal } = closing;
  const upstream = connectUpstream({
    host,
    signal,
    open: (as) => scene.hub({ ...(as === "owner" ? { token: "hf_owner" } : {}), forMs: 0 }),
  });
  const fetched: string[] = [];
  const files = createFetchFiles({
    host,
    cacheDir,
    signal,
    limitBytesPerSecond: null,
    maxConnections: null,
    onFetched: ({ path }) => void fetched.push(path),
    onFailed: ({ path, error }) => void fetched.push(`${path}: ${String(error)}`),
    tuning: { graceMs: 1000, quietMs: 200 },
  });
  const models = cachedModels({
    host,
    cacheDir,
    accessOf: async (repo) => access(repo),
    keptListing: keptListings(host, join(scene.folder, "state")),
    missing: missing ? { upstream, files } : null,
  });
  const server = await openServer({
    host,
    listen: { address: "127.0.0.1", port: 0 },
    tls: null,
    tokens: [new Secret(serverToken)],
    sites: [hubSite({ models, pageSize: 2 })],
    emit: () => {},
    signal,
  });
  const close = async (): Promise<void> => {
    closing.abort();
    await server.close();
    await files.close();
  };
  onTestFinished(close);
  return {
    scene,
    fetched,
    close,
    url: server.url,
    get: (path, headers = {}) => fetch(server.url + path, { headers, redirect: "manual" }),
  };
}
