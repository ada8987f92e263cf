import http from "node:http";
import https from "node:https";
import type { ByteFlow, HttpRequest, HttpResponse } from "./http.ts";
import { createLeanClient } from "./lean-request.ts";

/** HTTP/1.1 with kept-alive connections and the proxies of the environment, which what runs on this machine is asked past. Follows no redirect: its caller decides what a new origin may see. */
export interface Network {
  /** @throws Node's own errors (`ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, …), AbortError. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** As `request`, for large bodies: a piece is only good while it is handed on, for its memory is used again. Not HEAD. */
  read(request: HttpRequest): Promise<HttpResponse<ByteFlow>>;
  /** True when a TCP port on this machine can be bound on all addresses. */
  portIsFree(port: number): Promise<boolean>;
  /** Closes the connections that are kept for the next request. */
  closeIdle(): void;
  /** Closes all connections, so that the program can end. */
  close(): void;
}

/** The real network. `env` holds the proxies. */
export function realNetwork(env: Readonly<Record<string, string | undefined>>): Network {
  const agentOptions = {
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    maxFreeSockets: 64,
    scheduling: "lifo" as const,
    proxyEnv: { ...env },
  };
  const plain = new http.Agent(agentOptions);
  const secure = new https.Agent(agentOptions);
  const { proxyEnv: _none, ...withoutProxy } = agentOptions;
  const local = new http.Agent(withoutProxy);

  const lean = createLeanClient();
  // Through a proxy, Node's own client knows the way.
  const proxied = /^(?:http|https|all)_proxy$/iu;
  const hasProxy = Object.entries(env).some(([name, value]) => proxied.test(name) && value !== "");

  const network: Network = {
    async read(request) {
      const direct = !hasProxy || isLoopback(new URL(request.url).hostname);
      return (direct ? await lean.read(request) : null) ?? network.request(request);
    },
    request({ url, method = "GET", headers = {}, body, signal, idleTimeoutMs = 10_000 }) {
      return new Promise((resolve, reject) => {
        const target = new URL(url);
        const tls = target.protocol === "https:";
        const request = (tls ? https : http).request(target, {
          method,
          headers,
          agent: tls ? secure : isLoopback(target.hostname) ? local : plain,
          ...(signal === undefined ? {} : { signal }),
        });
        request.setTimeout(idleTimeoutMs, () => {
          request.destroy(
            Object.assign(
              new Error(`no answer from ${target.host} for ${idleTimeoutMs / 1000} s`),
              {
                code: "ETIMEDOUT",
              },
            ),
          );
        });
        request.once("error", reject);
        request.once("response", (response) => {
          const flat: Record<string, string> = {};
          for (const [name, value] of Object.entries(response.headers)) {
            if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
          }
          resolve({ status: response.statusCode ?? 0, headers: flat, body: response });
        });
        request.end(body);
      });
    },
    async portIsFree(port) {
      const { createServer } = await import("node:net");
      return new Promise((resolve) => {
        const server = createServer();
        server.once("error", () => resolve(false));
        server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
      });
    },
    closeIdle() {
      lean.close();
      for (const { freeSockets } of [plain, secure, local]) {
        for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
      }
    },
    close() {
      lean.close();
      plain.destroy();
      secure.destroy();
      local.destroy();
    },
  };
  return network;
}

/** Addresses that never leave this machine. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname)
  );
}
