import { randomBytes } from "node:crypto";
import { Secret } from "../../run/secret.ts";
import { cachedModels } from "../../serve/hub/cached-models.ts";
import { hubSite } from "../../serve/hub/hub-site.ts";
import { keptListings } from "../../serve/hub/kept-listings.ts";
import { openServer } from "../../serve/server.ts";
import type { Connection } from "../../ssh/connection.ts";
import type { Work } from "../command-request.ts";

export interface ServeThere {
  readonly connection: Connection;
  readonly cacheDir: string;
  readonly stateDir: string;
}

/** This machine's cache, as a port of the other machine. */
export interface ServedThere extends AsyncDisposable {
  readonly endpoint: string;
  /** Everybody who is logged in there reaches the port, and only who has this gets anything. */
  readonly token: Secret;
}

/**
 * Serves the cache on this machine's loopback, and forwards a port of the other's to it.
 * @throws Failure `push.no_forwarding` (4), `push.lost` (5); AbortError
 */
export async function serveThere(
  { host, emit, signal }: Work,
  { connection, cacheDir, stateDir }: ServeThere,
): Promise<ServedThere> {
  const token = new Secret(randomBytes(24).toString("hex"));
  const models = cachedModels({
    host,
    cacheDir,
    // Nothing is for everybody here.
    accessOf: () => Promise.resolve("unknown"),
    keptListing: keptListings(host, stateDir),
    missing: null,
  });
  const server = await openServer({
    host,
    listen: { address: "127.0.0.1", port: 0 },
    tls: null,
    tokens: [token],
    sites: [hubSite({ models })],
    emit,
    signal,
  });
  try {
    const port = await connection.forward(server.port);
    return {
      endpoint: `http://127.0.0.1:${port}`,
      token,
      [Symbol.asyncDispose]: () => server.close(),
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}
