import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { reachOf } from "../host/address-reach.ts";
import type { Host } from "../host/host.ts";
import type { ListenOptions } from "../host/network.ts";
import type { Emit } from "../run/event.ts";
import { warningOf } from "../run/events/run.ts";
import { isAbort } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import type { Secret } from "../run/secret.ts";
import { type Exchange, sendError } from "./exchange.ts";
import { checkedUrl, isKnownName } from "./request-target.ts";

/** A part of what is served. */
export interface Site {
  /** False: not one of its addresses, and nothing was answered. */
  answer(exchange: Exchange): Promise<boolean>;
}

export interface ServerRequest {
  readonly host: Pick<Host, "network">;
  readonly listen: { readonly address: string; readonly port: number };
  /** Null for plain HTTP. */
  readonly tls: NonNullable<ListenOptions["tls"]> | null;
  /** Of this server: whoever has one may have what is not for everybody. */
  readonly tokens: readonly Secret[];
  /** Names, besides those that every machine has, by which clients may know it. */
  readonly names?: readonly string[];
  /** Asked one after the other. */
  readonly sites: readonly Site[];
  /** Called with each before it is answered; its address is not checked yet. */
  readonly onRequest?: (exchange: Exchange) => void;
  readonly emit: Emit;
  /** Closes it. */
  readonly signal: AbortSignal;
}

export interface OpenServer {
  /** For clients on this machine: `http://127.0.0.1:7171`. */
  readonly url: string;
  readonly port: number;
  /** Breaks off what is still being answered. */
  close(): Promise<void>;
}

/** Of all clients together. */
const maxConnections = 2048;
/** A record must not grow with what clients do. */
const mostProblems = 20;

/** Answers requests until it is closed. @throws Node's errors of a port that can't be had, and OpenSSL's of a certificate */
export async function openServer(request: ServerRequest): Promise<OpenServer> {
  const { host, listen, tls, tokens, names = [], sites, emit, signal } = request;
  const closing = new AbortController();
  let problems = 0;
  const digests = tokens.map((token) => digestOf(token.reveal()));
  const scheme = tls === null ? "http" : "https";
  signal.throwIfAborted();
  const server = await host.network.listen((asked, response) => void answer(asked, response), {
    ...listen,
    ...(tls === null ? {} : { tls }),
    maxConnections,
  });
  const close = async (): Promise<void> => {
    closing.abort();
    await server.close();
  };
  signal.addEventListener("abort", () => void close(), { once: true });
  return { url: `${scheme}://${hereOf(listen.address)}:${server.port}`, port: server.port, close };

  async function answer(asked: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    response.on("error", () => gone.abort());
    const exchange: Exchange = {
      request: asked,
      response,
      url: new URL(`${scheme}://unnamed/`),
      signal: AbortSignal.any([gone.signal, closing.signal]),
      client: (asked.socket.remoteAddress ?? "").replace(/^::ffff:/u, ""),
      authorized: isToken(sentToken(asked.headers.authorization), digests),
      confidential: tls !== null || isOwn(asked.socket),
    };
    request.onRequest?.(exchange);
    try {
      await answerWith(exchange);
    } catch (error) {
      if (!isAbort(error) && !exchange.signal.aborted) tellProblem(error);
      if (response.headersSent || response.destroyed || isAbort(error)) response.destroy();
      else sendError(exchange, { status: 500, message: "This server has a problem" });
    }
  }

  function tellProblem(error: unknown): void {
    problems += 1;
    if (problems <= mostProblems) emit(warningOf(failure("serve.problem", { error })));
  }

  async function answerWith(exchange: Exchange): Promise<void> {
    const { request: asked, response } = exchange;
    const named = asked.headers.host ?? "";
    // A page in a browser may have its own name point here.
    if (!isKnownName(named, names)) {
      return refuse(exchange, 421, "This server does not go by that name: see --allow-host");
    }
    const url = checkedUrl(asked.url ?? "", `${scheme}://${named}`);
    if (url === null) return refuse(exchange, 400, "Malformed address");
    const own = { ...exchange, url };
    for (const site of sites) if (await site.answer(own)) return;
    if (!response.headersSent) refuse(own, 404, "There is nothing at this address");
  }
}

function refuse(exchange: Exchange, status: number, message: string): void {
  sendError(exchange, { status, message });
}

/** An address at which this machine reaches what listens there. */
function hereOf(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  if (address === "::") return "[::1]";
  return address.includes(":") ? `[${address}]` : address;
}

/** Whether it comes from this machine, which may know itself by an address of its network. */
export function isOwn({ remoteAddress = "", localAddress }: IncomingMessage["socket"]): boolean {
  return reachOf(remoteAddress) === "machine" || remoteAddress === localAddress;
}

/** Of a Bearer token as Hub clients send it, and of the password that `docker login` was given. */
function sentToken(header = ""): string | null {
  const [, kind = "", value = ""] = /^(bearer|basic) +(\S{1,4096})$/iu.exec(header.trim()) ?? [];
  if (kind === "") return null;
  if (kind.toLowerCase() === "bearer") return value;
  const text = Buffer.from(value, "base64").toString("utf8");
  return text.slice(text.indexOf(":") + 1);
}

/** Takes as long for one that is nearly right. */
function isToken(sent: string | null, digests: readonly Buffer[]): boolean {
  if (sent === null || sent === "") return false;
  const digest = digestOf(sent);
  return digests.map((known) => timingSafeEqual(known, digest)).includes(true);
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
