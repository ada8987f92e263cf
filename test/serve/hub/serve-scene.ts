import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { HubOptions } from "../../../src/demo/hub/hub.ts";
import { Secret } from "../../../src/run/secret.ts";
import { type Access, cachedModels } from "../../../src/serve/hub/cached-models.ts";
import { hubSite } from "../../../src/serve/hub/hub-site.ts";
import { keptListings } from "../../../src/serve/hub/kept-listings.ts";
import { openServer } from "../../../src/serve/server.ts";
import { openScene, type Scene } from "../../download/scene.ts";

export const serverToken = "a-token-of-this-server";

export interface ServeScene {
  readonly scene: Scene;
  /** Of the server. */
  readonly url: string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

/** A Hub, a cache with all of its models, and a server of that cache. */
export async function openServed(
  options: HubOptions,
  { access = () => "public" }: { readonly access?: (repo: string) => Access } = {},
): Promise<ServeScene> {
  const scene = await openScene(options);
  onTestFinished(() => scene[Symbol.asyncDispose]());
  await scene.pull(
    options.repos.map(({ id: repo, branch: revision = "main" }) => ({
      id: repo,
      title: repo,
      priority: 1,
      purpose: "Test",
      parts: [{ repo, revision, files: null }],
    })),
  );
  const { host, cacheDir } = scene;
  const models = cachedModels({
    host,
    cacheDir,
    accessOf: async (repo) => access(repo),
    keptListing: keptListings(host, join(scene.folder, "state")),
  });
  const server = await openServer({
    host,
    listen: { address: "127.0.0.1", port: 0 },
    tls: null,
    tokens: [new Secret(serverToken)],
    sites: [hubSite({ models, pageSize: 2 })],
    emit: () => {},
    signal: new AbortController().signal,
  });
  onTestFinished(() => server.close());
  return {
    scene,
    url: server.url,
    get: (path, headers = {}) => fetch(server.url + path, { headers, redirect: "manual" }),
  };
}
