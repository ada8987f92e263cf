import http from "node:http";
import https from "node:https";
import type { Readable } from "node:stream";

export interface HttpRequest {
  readonly url: string;
  readonly method?: "GET" | "HEAD" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** No byte in either direction for this long ends the request with `ETIMEDOUT`. Default 10 s. */
  readonly idleTimeoutMs?: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; repeated ones joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** As it came over the wire. Must be read to its end or destroyed. */
  readonly body: Readable;
}

/** HTTP/1.1 with kept-alive connections and the proxies of the environment, which what runs on this machine is asked past. Follows no redirect: its caller decides what a new origin may see. */
export interface Network {
  /** @throws Node's own errors (`ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, …), AbortError. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** True when a TCP port on this machine can be bound on all addresses. */
  portIsFree(port: number): Promise<boolean>;
  /** Closes idle connections, so that the program can end. */
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

  return {
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
    close() {
      plain.destroy();
      secure.destroy();
      local.destroy();
    },
  };
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
