import http from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";

export interface TestServer {
  readonly port: number;
  readonly url: string;
  /** Method, path and headers of each request so far. */
  readonly seen: readonly http.IncomingMessage[];
  close(): Promise<void>;
}

/** A server on loopback; `host` is another name for the same machine, where two hosts are wanted. */
export async function serve(
  answer: (request: http.IncomingMessage, response: http.ServerResponse) => void,
  host = "127.0.0.1",
): Promise<TestServer> {
  const seen: http.IncomingMessage[] = [];
  const server = http.createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${host}:${port}`,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** A server that speaks no HTTP: it greets with `greeting`, where there is one, and says no more. */
export async function serveRaw(greeting: string | null): Promise<Omit<TestServer, "seen">> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    if (greeting !== null) socket.end(greeting);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
