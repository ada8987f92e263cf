import { createServer, type RequestListener, type Server } from "node:http";
import type { ListenOptions, LocalServer } from "./network.ts";

/** Long enough for the slowest honest client to send its request's head. */
const headMs = 20_000;
/** With the body, of which nobody has more than a few kB. */
const requestMs = 60_000;
const keepAliveMs = 30_000;
/** As nginx's, and Node's own. */
const maxHeadBytes = 16 * 1024;

/** Opens a server for HTTP/1.1, over TLS where there is a certificate. @throws Node's errors: EADDRINUSE, EACCES, EADDRNOTAVAIL, and OpenSSL's */
export async function listenHttp(
  answer: RequestListener,
  { address = "127.0.0.1", port = 0, tls, maxConnections }: ListenOptions,
): Promise<LocalServer> {
  const options = {
    maxHeaderSize: maxHeadBytes,
    headersTimeout: headMs,
    requestTimeout: requestMs,
    keepAliveTimeout: keepAliveMs,
    noDelay: true,
  };
  const server = tls === undefined ? createServer(options, answer) : await secure(options);
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  // What is no HTTP is cut off: an answer could only be guessed.
  server.on("clientError", (_error, socket) => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen({ host: address, port, exclusive: true }, () => {
      // Later ones are of single connections, as where too many files are open: the others go on.
      server.off("error", reject).on("error", () => {});
      resolve();
    });
  });
  const bound = server.address();
  return {
    port: bound !== null && typeof bound === "object" ? bound.port : 0,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };

  async function secure(own: typeof options): Promise<Server> {
    const { createServer: createSecureServer } = await import("node:https");
    return createSecureServer(
      {
        ...own,
        cert: tls?.certificate,
        key: tls?.key,
        ALPNProtocols: ["http/1.1"],
        minVersion: "TLSv1.2",
        handshakeTimeout: headMs,
      },
      answer,
    );
  }
}
