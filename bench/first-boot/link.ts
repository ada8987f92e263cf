import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A line to the world: whatever is behind it shares its bytes per second. */
export interface Link {
  /** Puts a server of this machine behind the line. @returns the port at which it is reached from now on */
  lead(to: number): Promise<number>;
  /** Bytes of bodies that came over it. */
  takeBytes(): number;
  /** The same, and counting goes on. */
  takenBytes(): number;
  close(): Promise<void>;
}

interface Speed {
  /** Of all connections together. */
  readonly bytesPerSecond: number;
  /** Of each; left out, one may have all. */
  readonly perConnection?: number;
}

/** One bucket for all: who waits is served in the order of waiting, so that connections have equal shares, as on a real line. */
export function openLink({ bytesPerSecond, perConnection }: Speed): Link {
  const bucket = openBucket(bytesPerSecond);
  const ofConnection = new WeakMap<Socket, ReturnType<typeof openBucket>>();
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const servers: ReturnType<typeof createServer>[] = [];
  /** By the port of what is behind it. */
  const ports = new Map<number, number>();
  let bytes = 0;

  async function relay(to: number, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method, url, headers } = asked;
    const upstream = request({ host: "127.0.0.1", port: to, agent, method, path: url, headers });
    answer.on("close", () => upstream.destroy());
    asked.pipe(upstream);
    const [response] = (await once(upstream, "response")) as [IncomingMessage];
    const { location } = response.headers;
    if (location !== undefined) response.headers.location = throughHere(location, headers.host);
    answer.writeHead(response.statusCode ?? 502, response.headers);
    const { socket } = asked;
    const own = ofConnection.get(socket) ?? openBucket(perConnection ?? bytesPerSecond);
    ofConnection.set(socket, own);
    for await (const piece of response as AsyncIterable<Buffer>) {
      await Promise.all([bucket(piece.length), own(piece.length)]);
      bytes += piece.length;
      if (!answer.write(piece)) await once(answer, "drain");
    }
    answer.end();
  }

  /** An address behind the line, as whoever asks reaches it. */
  function throughHere(location: string, host = "127.0.0.1"): string {
    if (!URL.canParse(location)) return location;
    const url = new URL(location);
    const port = ports.get(Number(url.port));
    if (port === undefined) return location;
    url.host = `${host.split(":")[0]}:${port}`;
    return url.href;
  }

  return {
    async lead(to) {
      const server = createServer({ keepAliveTimeout: 30_000 }, (asked, answer) => {
        relay(to, asked, answer).catch(() => answer.destroy());
      });
      servers.push(server.listen(0, "127.0.0.1"));
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      ports.set(to, port);
      return port;
    },
    takenBytes: () => bytes,
    takeBytes() {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
    async close() {
      agent.destroy();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      }
    },
  };
}

/** So much of what the line did not carry is made up for: this machine is busy now and then, and a line never. */
const creditMs = 200;

/** A timer for each piece would take as much of a core as the pieces do. */
const shortestSleepMs = 5;

/** @returns ends once the line has carried so many bytes */
function openBucket(bytesPerSecond: number): (bytes: number) => Promise<void> {
  let freeAtMs = performance.now();
  return async (bytes) => {
    const nowMs = performance.now();
    freeAtMs = Math.max(freeAtMs, nowMs - creditMs) + (bytes / bytesPerSecond) * 1000;
    if (freeAtMs - nowMs >= shortestSleepMs) await sleep(freeAtMs - nowMs);
  };
}
