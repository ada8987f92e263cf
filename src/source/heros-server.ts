import type { Host } from "../host/host.ts";
import { textOf } from "../host/network.ts";
import { isRecord, parseJson } from "../run/json.ts";
import { defaultEndpoint } from "./hub/environment.ts";

/** What `heros serve` says of itself at /api/heros. */
export interface HerosServer {
  /** Without a slash at its end. */
  readonly address: string;
  readonly version: string;
  readonly models: boolean;
  readonly images: boolean;
}

/** Who does not say so by then is taken for another server. */
const answerLimitMs = 3000;
const maxBytes = 16 * 1024;

/** What serves at an address, where that is a heros; null where it is something else, or does not answer. @throws AbortError */
export async function askHerosServer(
  { host, signal }: { readonly host: Pick<Host, "network">; readonly signal: AbortSignal },
  address: string,
): Promise<HerosServer | null> {
  try {
    const { status, body } = await host.network.request({
      url: `${address}/api/heros`,
      signal,
      timeLimitMs: answerLimitMs,
    });
    const text = await textOf(body, maxBytes);
    const told = status === 200 ? parseJson(text) : null;
    if (!isRecord(told) || typeof told["heros"] !== "string") return null;
    return {
      address,
      version: told["heros"].slice(0, 64),
      models: told["models"] === true,
      images: told["images"] === true,
    };
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/** Those of these addresses at which another heros serves images. The Hub itself is not asked. @throws AbortError */
export async function findServers(
  asking: { readonly host: Pick<Host, "network">; readonly signal: AbortSignal },
  addresses: readonly string[],
): Promise<readonly string[]> {
  const others = addresses.filter(
    (address) => address !== defaultEndpoint && /^https?:/u.test(address),
  );
  const found = await Promise.all(others.map((address) => askHerosServer(asking, address)));
  return found.flatMap((server) => (server?.images === true ? [server.address] : []));
}
