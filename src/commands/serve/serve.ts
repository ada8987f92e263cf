import { errorCode } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import type { Secret } from "../../run/secret.ts";
import { isHubOffline, parseEndpoint } from "../../source/hub/environment.ts";
import { type Exchange, sendJson } from "../../serve/exchange.ts";
import { cachedModels } from "../../serve/hub/cached-models.ts";
import { hubSite } from "../../serve/hub/hub-site.ts";
import { keptListings } from "../../serve/hub/kept-listings.ts";
import { knownAccess } from "../../serve/hub/known-access.ts";
import { openServer, type OpenServer, type ServerRequest, type Site } from "../../serve/server.ts";
import { parseSwitch } from "../../plan/settings.ts";
import type { WatchPolicy } from "../../serve/watch/may-watch.ts";
import type { Work } from "../command-request.ts";
import { announceServer, requireAnnounceable } from "./announce-server.ts";
import { type GatheredSettings, type GivenSettings, readGiven } from "../gather-settings.ts";
import { placeModels, requireMounted } from "../models-place.ts";
import { absolute } from "../open-catalog.ts";
import { addressText, type ListenAddress, parseListen, usualListen } from "./listen-address.ts";
import { readServerTokens } from "./server-tokens.ts";
import { fetchFiles, openUpstream } from "./serve-upstream.ts";
import { parseOrigins, parseWatchers, watchServer } from "./watch-server.ts";

export interface ServeRequest {
  readonly settings: GatheredSettings;
  /** As it was typed, for what `heros serve` alone has. */
  readonly given: Pick<GivenSettings, "configFile" | "settingFlags">;
  /** `--offline` */
  readonly offline: boolean;
  readonly herosVersion: string;
}

/**
 * `heros serve`: this machine's models over HTTP, as the Hub has them, until it is stopped.
 * @returns the sentences of the closing page
 * @throws Failure `serve.…` (1, 2, 4), `settings.…` (2), `cache.…` (1)
 */
export async function performServe(
  work: Work,
  { settings, given, offline, herosVersion }: ServeRequest,
): Promise<readonly string[]> {
  const { host, signal } = work;
  const own = await serveSettings(work, { settings, given, offline });
  const { listen, tokens, names, upstream } = own;
  if (own.announces) requireAnnounceable(listen);
  const { cacheDir, stateDir } = await placeModels(work, settings);
  await requireMounted(work, cacheDir);
  if (upstream === null) await requireCache(work, cacheDir);
  const hub = upstream === null ? null : await openUpstream(work, settings, upstream);
  const missing = hub === null ? null : { ...hub, files: fetchFiles(work, settings, cacheDir) };
  const models = cachedModels({
    host,
    cacheDir,
    accessOf: knownAccess({ host, stateDir, ask: hub?.askAccess ?? null }),
    keptListing: keptListings(host, stateDir),
    missing,
  });
  // Brings what speaks to registries.
  const { imagesSite } = await import("./images.ts");
  const images = imagesSite(work, {
    cacheDir,
    offline: upstream === null,
    asksLogin: tokens.length > 0,
    signal,
  });
  const watched = watchServer(work, { policy: own.policy, herosVersion, stateDir, cacheDir });
  const { emit } = watched;
  const sites = [aboutSite(herosVersion), images, hubSite({ models }), ...watched.sites];
  const onRequest = (exchange: Exchange): void => watched.traffic.begin(exchange);
  const asked = { host, listen, tls: null, tokens, names, sites, emit, signal, onRequest };
  const server = await open(asked);
  emit({
    type: "serve.listening",
    url: server.url,
    listen: addressText({ ...listen, port: server.port }),
    reach: listen.reach,
    folder: cacheDir,
    upstream,
    tokens: tokens.length,
    fingerprint: null,
  });
  const { port } = server;
  const { id: stack } = settings.catalog.stack;
  const announced = {
    version: herosVersion,
    fingerprint: null,
    stack,
    models: true,
    images: true,
  };
  const announcing = own.announces
    ? announceServer({ host, emit, signal }, { listen, port, announced })
    : null;
  await stopped(signal);
  await announcing;
  await server.close();
  await missing?.files.close();
  watched.close();
  return ["The server is stopped."];
}

interface OwnSettings {
  readonly listen: ListenAddress;
  readonly tokens: readonly Secret[];
  readonly names: readonly string[];
  /** Null where no Hub is asked. */
  readonly upstream: string | null;
  readonly announces: boolean;
  readonly policy: WatchPolicy;
}

/** @throws Failure `settings.bad_value`, `serve.open_secret`, `serve.bad_tokens`, `token.…` (2) */
async function serveSettings(
  { host }: Pick<Work, "host">,
  { settings, given, offline }: Omit<ServeRequest, "herosVersion">,
): Promise<OwnSettings> {
  const { setting, nameOf } = await readGiven(host, given);
  const upstream = setting("upstream");
  const tokenFile = setting("serveTokens");
  const origins = setting("allowOrigin");
  const isOffline = offline || isHubOffline(host.env);
  const hub = upstream === null ? settings.endpoint : parseEndpoint(nameOf("upstream"), upstream);
  return {
    listen: parseListen(nameOf("listen"), setting("listen") ?? usualListen),
    tokens: tokenFile === null ? [] : await readServerTokens(host, absolute(host, tokenFile)),
    names: (setting("allowHost") ?? "").split(",").filter((name) => name !== ""),
    upstream: isOffline ? null : hub,
    announces: parseSwitch(nameOf("announce"), setting("announce") ?? "no"),
    policy: {
      watchers: parseWatchers(nameOf("watchers"), setting("watchers") ?? "machine"),
      origins: origins === null ? [] : parseOrigins(nameOf("allowOrigin"), origins),
    },
  };
}

/** @throws Failure `serve.no_cache` (1) */
async function requireCache({ host }: Pick<Work, "host">, folder: string): Promise<void> {
  const found = await host.files.stat(folder).catch(() => null);
  if (found?.isDirectory() !== true) throw failure("serve.no_cache", { folder });
}

/** How another heros knows what this server has. */
function aboutSite(herosVersion: string): Site {
  return {
    async answer(exchange) {
      if (exchange.url.pathname !== "/api/heros") return false;
      sendJson(exchange, { heros: herosVersion, models: true, images: true });
      return true;
    },
  };
}

/** @throws Failure `serve.port_taken`, `serve.port_denied` (4), `serve.no_address` (2) */
async function open(request: ServerRequest): Promise<OpenServer> {
  const { address, port } = request.listen;
  try {
    return await openServer(request);
  } catch (error) {
    switch (errorCode(error)) {
      case "EADDRINUSE":
        throw failure("serve.port_taken", { address, port }, error);
      case "EACCES":
      case "EPERM":
        throw failure("serve.port_denied", { address, port }, error);
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
      case "EAI_AGAIN":
        throw failure("serve.no_address", { address }, error);
      default:
        throw error;
    }
  }
}

/** Ends once the run is to stop, which for a server is no interruption. */
function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
