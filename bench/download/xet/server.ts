import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { parseRange } from "../../../src/serve/exchange.ts";
import { reconstruct } from "./reconstruct.ts";
import type { XetStore } from "./store.ts";

/** What the Hub's token route gives out, and what every question has to bring. */
export const xetToken = "xet-bench";

const route = /^\/v2\/reconstructions\/(?<hash>[0-9a-f]{64})$/u;

/** Answers `GET /v2/reconstructions/{file}` on a port of its own, while the work lasts. */
export async function withReconstructions<Result>(
  store: XetStore,
  urlOf: (xorb: string) => string,
  work: (port: number) => Promise<Result>,
): Promise<Result> {
  const server = createServer(({ url = "", headers }, response) => {
    const [status, body] = answer(url, headers);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await work((server.address() as AddressInfo).port);
  } finally {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }

  function answer(url: string, headers: IncomingHttpHeaders): [status: number, body: unknown] {
    if (headers.authorization !== `Bearer ${xetToken}`) return [401, {}];
    const terms = store.files.get(route.exec(url)?.groups?.["hash"] ?? "");
    if (terms === undefined) return [404, {}];
    const range = parseRange(headers.range ?? "bytes=0-", Number.MAX_SAFE_INTEGER);
    if (range === null || range === "unsatisfiable") return [400, {}];
    const found = reconstruct(terms, store.xorbs, range, urlOf);
    return found === null ? [416, {}] : [200, found];
  }
}
