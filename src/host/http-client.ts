import dns from "node:dns";
import http from "node:http";
import { readFileSync } from "node:fs";
import https from "node:https";
import tls from "node:tls";
import { errorCode } from "../run/failure.ts";
import { certificatesIn, certificateVariables, isUnknownIssuer } from "./certificates.ts";
import { createHttpStreamClient, createIdleWatch } from "./http-stream-client.ts";
import { type HttpRequest, type HttpResponse, isLoopback, type Network } from "./network.ts";
import { readProxies } from "./proxies.ts";
import { isNearer, lookupFor, reachOf, reachOfHost, tooNearError } from "./address-reach.ts";

export type HttpClient = Omit<Network, "portIsFree" | "listen" | "joinMulticast">;
type Env = Readonly<Record<string, string | undefined>>;

/** Requests by Node's own client, large bodies by our own where it can. `env` holds the proxies, and where certificates are. */
export function createHttpClient(env: Env, resolve = dns.lookup): HttpClient {
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

  const streams = createHttpStreamClient(resolve);
  const trustMore = createTrust(env);
  /** What runs on this machine is asked past the proxies. */
  const isDirect = (url: URL): boolean => isLoopback(url.hostname) || !proxies.isProxied(url);

  /** Asks once more where the system's own certificates may vouch for the server. */
  const withMoreTrust = async <T>(ask: () => Promise<T>): Promise<T> => {
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

  const client: HttpClient = {
    read(request) {
      // Through a proxy, Node's own client knows the way.
      if (!isDirect(new URL(request.url))) return client.request(request);
      if (request.maxConnections !== undefined) closeFree();
      return withMoreTrust(() => streams.read(request));
    },
    request: (request) => withMoreTrust(() => send(request)),
    closeIdle() {
      streams.close();
      closeFree();
    },
    close() {
      streams.close();
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
      const isSecure = target.protocol === "https:";
      const [straight, usual] = isSecure ? [localSecure, secure] : [local, plain];
      const direct = isDirect(target);
      const named = reachOfHost(target.hostname);
      if (named !== null && isNearer(named, noNearerThan)) throw tooNearError(target.host);
      const request = (isSecure ? https : http).request(target, {
        method,
        headers,
        agent: direct ? straight : usual,
        ...(direct ? { lookup: lookupFor(noNearerThan, resolve) } : {}),
        ...(signal === undefined ? {} : { signal }),
      });
      let answer: http.IncomingMessage | null = null;
      const timeOut = (afterMs: number): void => {
        const message = `no answer from ${target.host} for ${afterMs / 1000} s`;
        (answer ?? request).destroy(Object.assign(new Error(message), { code: "ETIMEDOUT" }));
      };
      const idle = createIdleWatch(idleTimeoutMs);
      // A request tells of its socket's first timeout alone.
      request.once("socket", (socket) => {
        const onTimeout = (): void => {
          // What is not taken is no silence.
          const waits = (answer?.readableLength ?? 0) > 0;
          if (!waits && idle.isIdle(socket.bytesRead)) timeOut(idleTimeoutMs);
          else socket.setTimeout(idle.halfMs);
        };
        socket.setTimeout(idle.halfMs);
        socket.on("timeout", onTimeout);
        request.once("close", () => socket.off("timeout", onTimeout));
      });
      if (timeLimitMs !== undefined) {
        const timer = setTimeout(() => timeOut(timeLimitMs), timeLimitMs);
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

  return client;
}

/**
 * Trusts, besides those that come with Node, the issuers in the system's store and in the files that the environment names.
 * To read them takes a tenth of a second, so it is done once a certificate was not trusted.
 * @returns whether `error` is of that kind and there is something new to trust: the request is worth another try
 */
function createTrust(env: Env): (error: unknown) => boolean {
  let widened: boolean | null = null;
  return (error) => {
    if (!isUnknownIssuer(errorCode(error))) return false;
    widened ??= widen(env);
    return widened;
  };
}

function widen(env: Env): boolean {
  const usual = tls.getCACertificates("default");
  const known = new Set(usual);
  const more = [
    ...tls.getCACertificates("system"),
    ...certificateVariables.flatMap((name) => read(env[name])),
  ];
  const added = [...new Set(more)].filter((certificate) => !known.has(certificate));
  if (added.length === 0) return false;
  tls.setDefaultCACertificates([...usual, ...added]);
  return true;
}

function read(file: string | undefined): string[] {
  if (file === undefined || file === "") return [];
  try {
    return certificatesIn(readFileSync(file, "utf8"));
  } catch {
    return [];
  }
}
