import dns from "node:dns";
import http from "node:http";
import https from "node:https";
import { createHttpStreamClient } from "./http-stream-client.ts";
import type { HttpRequest, HttpResponse } from "./http.ts";
import { createIdleWatch } from "./http-stream-client.ts";
import { isLoopback, type Network } from "./network.ts";
import { readProxies } from "./proxies.ts";
import { isNearer, lookupFor, reachOf, reachOfHost, tooNearError } from "./reach.ts";
import { createTrust } from "./trust.ts";

/** Requests by Node's own client, bodies by the lean one where it can. `env` holds the proxies, and where certificates are. */
export function createClients(
  env: Readonly<Record<string, string | undefined>>,
  resolve = dns.lookup,
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

  const lean = createHttpStreamClient(resolve);
  const trustMore = createTrust(env);
  /** What runs on this machine is asked past the proxies. */
  const isDirect = (url: URL): boolean => isLoopback(url.hostname) || !proxies.isProxied(url);

  /** Asks once more where the system's own certificates may vouch for the server. */
  const trusting = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (error) {
      if (!trustMore(error)) throw error;
      return ask();
    }
  };

  /** Those that the API was asked over. */
  function closeFree(): void {
    for (const { freeSockets } of [plain, secure, local, localSecure]) {
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    }
  }

  const clients: Omit<Network, "portIsFree"> = {
    read(request) {
      // Through a proxy, Node's own client knows the way.
      if (!isDirect(new URL(request.url))) return clients.request(request);
      if (request.mostConnections !== undefined) closeFree();
      return trusting(() => lean.read(request));
    },
    request: (request) => trusting(() => send(request)),
    closeIdle() {
      lean.close();
      closeFree();
    },
    close() {
      lean.close();
      plain.destroy();
      secure.destroy();
      local.destroy();
      localSecure.destroy();
    },
  };

  function send({
    url,
    method = "GET",
    headers = {},
    body,
    signal,
    idleTimeoutMs = 10_000,
    timeLimitMs,
    noNearerThan = "machine",
  }: HttpRequest): Promise<HttpResponse> {
    return new Promise((done, reject) => {
      const target = new URL(url);
      const tls = target.protocol === "https:";
      const [straight, usual] = tls ? [localSecure, secure] : [local, plain];
      const direct = isDirect(target);
      const named = reachOfHost(target.hostname);
      if (named !== null && isNearer(named, noNearerThan)) throw tooNearError(target.host);
      const request = (tls ? https : http).request(target, {
        method,
        headers,
        agent: direct ? straight : usual,
        ...(direct ? { lookup: lookupFor(noNearerThan, resolve) } : {}),
        ...(signal === undefined ? {} : { signal }),
      });
      let answer: http.IncomingMessage | null = null;
      const giveUp = (afterMs: number): void => {
        const message = `no answer from ${target.host} for ${afterMs / 1000} s`;
        (answer ?? request).destroy(Object.assign(new Error(message), { code: "ETIMEDOUT" }));
      };
      const idle = createIdleWatch(idleTimeoutMs);
      // A request tells of its socket's first timeout alone.
      request.once("socket", (socket) => {
        const onTimeout = (): void => {
          // What is not taken is no silence.
          const waits = (answer?.readableLength ?? 0) > 0;
          if (!waits && idle.isIdle(socket.bytesRead)) giveUp(idleTimeoutMs);
          else socket.setTimeout(idle.halfMs);
        };
        socket.setTimeout(idle.halfMs);
        socket.on("timeout", onTimeout);
        request.once("close", () => socket.off("timeout", onTimeout));
      });
      if (timeLimitMs !== undefined) {
        const timer = setTimeout(() => giveUp(timeLimitMs), timeLimitMs);
        request.once("close", () => clearTimeout(timer));
      }
      request.on("error", reject);
      // One that was kept was made for another question.
      request.once("socket", ({ remoteAddress }) => {
        const kept = direct && remoteAddress !== undefined ? reachOf(remoteAddress) : null;
        if (kept !== null && isNearer(kept, noNearerThan)) {
          request.destroy(tooNearError(target.host));
        }
      });
      request.once("response", (response) => {
        answer = response;
        const flat: Record<string, string> = {};
        for (const [name, value] of Object.entries(response.headers)) {
          if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
        }
        const { statusCode: status = 0, socket } = response;
        const reach = direct ? reachOf(socket.remoteAddress ?? "") : "public";
        done({ status, headers: flat, body: response, reach });
      });
      request.end(body);
    });
  }

  return clients;
}
