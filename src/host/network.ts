import type { ByteStream, HttpRequest, HttpResponse } from "./http.ts";

/** HTTP/1.1 with kept-alive connections and the proxies of the environment, which what runs on this machine is asked past. Follows no redirect: its caller decides what a new origin may see. */
export interface Network {
  /** @throws Node's own errors (`ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, …), AbortError. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** As `request`, for large bodies: a piece is only good while it is handed on, for its memory is used again. Not HEAD. */
  read(request: HttpRequest): Promise<HttpResponse<ByteStream>>;
  /** True when a TCP port on this machine can be bound on all addresses. */
  portIsFree(port: number): Promise<boolean>;
  /** Closes the connections that are kept for the next request. */
  closeIdle(): void;
  /** Closes all connections, so that the program can end. */
  close(): void;
}

type Clients = Omit<Network, "portIsFree">;

/** The real network. `env` holds the proxies. What speaks HTTP and TLS is loaded with the first request: most runs of heros make none. */
export function realNetwork(env: Readonly<Record<string, string | undefined>>): Network {
  let opened: Promise<Clients> | null = null;
  const open = (): Promise<Clients> =>
    (opened ??= import("./http-clients.ts").then(({ createClients }) => createClients(env)));
  return {
    request: async (request) => (await open()).request(request),
    read: async (request) => (await open()).read(request),
    async portIsFree(port) {
      const { createServer } = await import("node:net");
      return new Promise((resolve) => {
        const server = createServer();
        server.once("error", () => resolve(false));
        server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
      });
    },
    closeIdle: () => void opened?.then((clients) => clients.closeIdle()),
    close: () => void opened?.then((clients) => clients.close()),
  };
}

/** The code of a connection that was not made, because it leads nearer than it may. */
export const tooNear = "ERR_ADDRESS_TOO_NEAR";

/** Addresses that never leave this machine: no resolver is asked for the names. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname)
  );
}
