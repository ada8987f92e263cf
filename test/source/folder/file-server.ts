import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface FileAsked {
  readonly method: string;
  /** Decoded, with a slash before it. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface FileServerOptions {
  /** Answers in the server's place where it returns true. */
  readonly fault?: (asked: FileAsked, response: ServerResponse) => boolean;
  readonly ranges?: boolean;
}

/** A web server that sends the files of a folder, as nginx does. */
export async function serveFolder(
  folder: string,
  { fault = () => false, ranges = true }: FileServerOptions = {},
) {
  const asked: FileAsked[] = [];
  const server = createServer((request, response) => {
    const { method = "GET", headers } = request;
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    asked.push({ method, path, headers });
    if (fault({ method, path, headers }, response)) return;
    void send(join(folder, path), request, response);
  });
  const send = async (
    file: string,
    { method, headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const size = await stat(file).then(
      (stats) => stats.size,
      () => null,
    );
    if (size === null) {
      response.writeHead(404, { "content-type": "text/html" }).end("<h1>Not found</h1>");
      return;
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/u.exec(headers.range ?? "") ?? [];
    const isPart = ranges && from !== undefined;
    const [start, end] = isPart ? [Number(from), Number(to)] : [0, size - 1];
    response.writeHead(isPart ? 206 : 200, {
      "content-length": end - start + 1,
      "content-type": "application/octet-stream",
      ...(isPart ? { "content-range": `bytes ${start}-${end}/${size}` } : {}),
    });
    if (method === "HEAD" || size === 0) response.end();
    else createReadStream(file, { start, end }).pipe(response);
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
