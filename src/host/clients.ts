import http from "node:http";
import https from "node:https";
import { createLeanClient } from "./lean-request.ts";
import { createIdleWatch } from "./idle.ts";
import { isLoopback, type Network } from "./network.ts";
import { readProxies } from "./proxy-env.ts";

/** Requests by Node's own client, bodies by the lean one where it can. `env` holds the proxies. */
export function createClients(
  env: Readonly<Record<string, string | undefined>>,
): Omit<Network, "portIsFree"> {
  const proxies = readProxies(env);
  const agentOptions = {
    keepAlive: true,
    maxSockets: Number.POSITIVE_INFINITY,
    maxFreeSockets: 64,
    scheduling: "lifo" as const,
    proxyEnv: proxies.env,
  };
  const plain = new http.Agent(agentOptions);
  const secure = new https.Agent(agentOptions);
  const { proxyEnv: _none, ...withoutProxy } = agentOptions;
  const local = new http.Agent(withoutProxy);
  const localSecure = new https.Agent(withoutProxy);

  const lean = createLeanClient();
  /** What runs on this machine is asked past the proxies. */
  const isDirect = ({ protocol, hostname }: URL): boolean =>
    isLoopback(hostname) || !proxies.isProxied(protocol === "https:" ? "https" : "http");

  const clients: Omit<Network, "portIsFree"> = {
    async read(request) {
      // Through a proxy, Node's own client knows the way.
      const direct = isDirect(new URL(request.url));
      return (direct ? await lean.read(request) : null) ?? clients.request(request);
    },
    request({
      url,
      method = "GET",
      headers = {},
      body,
      signal,
      idleTimeoutMs = 10_000,
      timeLimitMs,
    }) {
      return new Promise((resolve, reject) => {
        const target = new URL(url);
        const tls = target.protocol === "https:";
        const [direct, usual] = tls ? [localSecure, secure] : [local, plain];
        const request = (tls ? https : http).request(target, {
          method,
          headers,
          agent: isDirect(target) ? direct : usual,
          ...(signal === undefined ? {} : { signal }),
        });
        let answer: http.IncomingMessage | null = null;
        const giveUp = (afterMs: number): void => {
          const message = `no answer from ${target.host} for ${afterMs / 1000} s`;
          (answer ?? request).destroy(Object.assign(new Error(message), { code: "ETIMEDOUT" }));
        };
        const idle = createIdleWatch(idleTimeoutMs);
        request.setTimeout(idle.halfMs);
        request.on("timeout", () => {
          if (idle.isIdle(request.socket?.bytesRead ?? 0)) giveUp(idleTimeoutMs);
          else request.setTimeout(idle.halfMs);
        });
        if (timeLimitMs !== undefined) {
          const timer = setTimeout(() => giveUp(timeLimitMs), timeLimitMs);
          request.once("close", () => clearTimeout(timer));
        }
        request.on("error", reject);
        request.once("response", (response) => {
          answer = response;
          const flat: Record<string, string> = {};
          for (const [name, value] of Object.entries(response.headers)) {
            if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
          }
          resolve({ status: response.statusCode ?? 0, headers: flat, body: response });
        });
        request.end(body);
      });
    },
    closeIdle() {
      lean.close();
      for (const { freeSockets } of [plain, secure, local, localSecure]) {
        for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
      }
    },
    close() {
      lean.close();
      plain.destroy();
      secure.destroy();
      local.destroy();
      localSecure.destroy();
    },
  };
  return clients;
}
