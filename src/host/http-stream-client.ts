import dns from "node:dns";
import net from "node:net";
import tls from "node:tls";
import { HttpStream, type ConnectionControl } from "./http-stream.ts";
import type { ByteStream, HttpRequest, HttpResponse, Reach } from "./network.ts";
import { isNearer, lookupFor, reachOf, reachOfHost, tooNearError } from "./address-reach.ts";

/** GET and HEAD over sockets that read into buffers that are used again: Node's HTTP client copies each piece twice and leaves it to be collected. */
export interface HttpStreamClient {
  /** @throws as `Network.request` */
  read(request: HttpRequest): Promise<HttpResponse<ByteStream>>;
  close(): void;
}

interface Connection {
  readonly socket: net.Socket;
  exchange: HttpStream | null;
  idle: IdleWatch | null;
}

/** Of a connection's own: heads, and bodies that nobody gives a buffer for. */
const bufferBytes = 64 * 1024;
const maxIdle = 64;

export function createHttpStreamClient(resolveName = dns.lookup): HttpStreamClient {
  const idle = new Map<string, Connection[]>();
  const open = new Set<net.Socket>();

  function connect(target: URL, noNearerThan: Reach): Connection {
    const secure = target.protocol === "https:";
    const host = target.hostname.replace(/^\[|\]$/gu, "");
    const port = Number(target.port === "" ? (secure ? 443 : 80) : target.port);
    const own = Buffer.allocUnsafeSlow(bufferBytes);
    // Asked for its buffer as soon as there is a socket, and after each piece.
    let exchange: () => HttpStream | null = () => null;
    const onread = {
      buffer: () => exchange()?.nextBuffer() ?? own,
      callback(bytes: number, buffer: Uint8Array): boolean {
        const piece = Buffer.from(buffer.buffer, buffer.byteOffset, bytes);
        // Bytes that no request asked for make the connection worthless.
        if (connection.exchange === null) socket.destroy();
        return exchange()?.receive(piece) ?? false;
      },
    };
    const lookup = lookupFor(noNearerThan, resolveName);
    const options = { host, port, lookup, onread, noDelay: true, keepAlive: true };
    const servername = net.isIP(host) === 0 ? { servername: host } : {};
    const socket: net.Socket = secure
      ? tls.connect({ ...options, ...servername, ALPNProtocols: ["http/1.1"] })
      : net.connect(options);
    open.add(socket);
    const connection: Connection = { socket, exchange: null, idle: null };
    exchange = () => connection.exchange;
    socket.on("error", (error) => connection.exchange?.lost(error));
    socket.on("timeout", () => {
      const { idle: watch } = connection;
      if (watch !== null && !watch.isIdle(socket.bytesRead)) {
        socket.setTimeout(watch.halfMs);
        return;
      }
      const message = `no answer from ${target.host} for ${((watch?.halfMs ?? 0) * 2) / 1000} s`;
      connection.exchange?.destroy(Object.assign(new Error(message), { code: "ETIMEDOUT" }));
    });
    socket.on("end", () => connection.exchange?.lost(null));
    socket.on("close", () => {
      open.delete(socket);
      connection.exchange?.lost(null);
      const others = idle.get(target.origin)?.filter((other) => other !== connection);
      if (others !== undefined) idle.set(target.origin, others);
    });
    return connection;
  }

  /** Kept connections are worth less than a new one, those to other servers first. */
  function makeRoom(maxConnections: number): void {
    for (const { socket } of [...idle.values()].flat()) {
      if (open.size < maxConnections) return;
      open.delete(socket);
      socket.destroy();
    }
  }

  function keep(origin: string, connection: Connection): void {
    const { socket } = connection;
    const others = idle.get(origin) ?? [];
    if (socket.destroyed || others.length >= maxIdle) {
      socket.destroy();
      return;
    }
    socket.setTimeout(0);
    socket.resume();
    socket.unref();
    idle.set(origin, [...others, connection]);
  }

  function send(request: HttpRequest, kept: boolean): Promise<HttpResponse<ByteStream>> {
    const { url, method = "GET", headers = {}, signal, idleTimeoutMs = 10_000 } = request;
    const { noNearerThan = "machine" } = request;
    const target = new URL(url);
    const named = reachOfHost(target.hostname);
    if (named !== null && isNearer(named, noNearerThan)) throw tooNearError(target.host);
    const head = headOf(method, target, headers);
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse<ByteStream>>();
    const old = kept ? idle.get(target.origin)?.pop() : undefined;
    // A kept connection was made for another question.
    const keptReach = reachOf(old?.socket.remoteAddress ?? "");
    if (old !== undefined && isNearer(keptReach, noNearerThan)) {
      old.socket.destroy();
      throw tooNearError(target.host);
    }
    if (old === undefined) makeRoom(request.maxConnections ?? Number.POSITIVE_INFINITY);
    const connection = old ?? connect(target, noNearerThan);
    const { socket } = connection;
    const control: ConnectionControl = {
      readOn: () => void socket.resume(),
      stopReading: () => void socket.pause(),
      release(reusable) {
        signal?.removeEventListener("abort", onAbort);
        connection.exchange = null;
        if (reusable) keep(target.origin, connection);
        else socket.destroy();
      },
      destroy() {
        signal?.removeEventListener("abort", onAbort);
        connection.exchange = null;
        socket.destroy();
      },
    };
    const exchange = new HttpStream(control, (response) => {
      exchange.off("error", onEarlyError);
      resolve({ ...response, reach: reachOf(socket.remoteAddress ?? "") });
    });
    const onAbort = (): void => {
      exchange.destroy(new DOMException("This operation was aborted", "AbortError"));
    };
    const onEarlyError = (error: Error): void => {
      // The server closed a kept connection just as we took it: that says nothing of the next.
      if (old !== undefined && !exchange.begun && signal?.aborted !== true) {
        resolve(send(request, false));
      } else reject(error);
    };
    exchange.on("error", onEarlyError);
    signal?.addEventListener("abort", onAbort, { once: true });
    connection.exchange = exchange;
    socket.ref();
    connection.idle = createIdleWatch(idleTimeoutMs);
    socket.setTimeout(connection.idle.halfMs);
    socket.write(head, "latin1");
    socket.resume();
    return promise;
  }

  return {
    async read(request) {
      request.signal?.throwIfAborted();
      return send(request, true);
    },
    close() {
      for (const { socket } of [...idle.values()].flat()) socket.destroy();
      idle.clear();
    },
  };
}

/** @throws TypeError for a header that would break the head apart */
function headOf(method: string, target: URL, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ host: target.host, connection: "keep-alive", ...headers }).map(
    ([name, value]) => {
      if (/[^\w-]/u.test(name) || /[^\t\x20-\x7e\x80-\xff]/u.test(value)) {
        throw new TypeError(`the header ${name} holds characters that no header may`);
      }
      return `${name}: ${value}\r\n`;
    },
  );
  return `${method} ${target.pathname}${target.search} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/**
 * Tells silence from a program that was stopped (Ctrl-Z and fg) or that had no time: its timers come before the bytes that
 * wait for it. So a time limit is watched in two halves, and only the second in a row without a byte counts.
 */
export interface IdleWatch {
  readonly halfMs: number;
  /** A half is over. @returns whether the one before brought nothing either */
  isIdle(bytesRead: number): boolean;
}

export function createIdleWatch(idleTimeoutMs: number): IdleWatch {
  let seenBytes: number | null = null;
  return {
    halfMs: Math.ceil(idleTimeoutMs / 2),
    isIdle(bytesRead) {
      const silent = bytesRead === seenBytes;
      seenBytes = bytesRead;
      return silent;
    },
  };
}
