// Run as a process of its own: a server whose every file is zeros, as many as are asked for. Ends with its standard input.
import { createServer } from "node:http";

const zeros = Buffer.alloc(512 * 1024);
const server = createServer((request, response) => {
  const [, first, last] = /bytes=(\d+)-(\d+)/u.exec(request.headers.range ?? "") ?? [];
  const [start, end] = [Number(first ?? 0), Number(last ?? -1) + 1];
  const headers = { "Content-Length": String(end - start) };
  if (request.method === "HEAD" || first === undefined) {
    response.writeHead(200, headers).end();
    return;
  }
  response.writeHead(206, { ...headers, "Content-Range": `bytes ${start}-${end - 1}/*` });
  let left = end - start;
  const pump = (): void => {
    while (left > 0 && !response.destroyed) {
      const piece = zeros.subarray(0, Math.min(left, zeros.length));
      left -= piece.length;
      if (!response.write(piece)) {
        response.once("drain", pump);
        return;
      }
    }
    response.end();
  };
  pump();
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ endpoint: `http://127.0.0.1:${port}` })}\n`);
});
process.stdin.resume().once("end", () => {
  server.close();
  server.closeAllConnections();
});
