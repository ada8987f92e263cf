import { Readable } from "node:stream";
import { afterAll, expect, it } from "vitest";
import { realNetwork } from "../../src/host/real-host.ts";
import { Secret } from "../../src/run/secret.ts";
import { type Exchange, sendContent, sendJson } from "../../src/serve/exchange.ts";
import { type OpenServer, openServer, type Site } from "../../src/serve/server.ts";

const content = "0123456789";
const site: Site = {
  async answer(exchange) {
    const { url, authorized, confidential } = exchange;
    if (url.pathname === "/who") sendJson(exchange, { authorized, confidential });
    else if (url.pathname.startsWith("/file")) await sendFile(exchange);
    else return false;
    return true;
  },
};
const network = realNetwork({});
let server: OpenServer | null = null;

afterAll(() => server?.close());

function sendFile(exchange: Exchange): Promise<void> {
  return sendContent(exchange, {
    sizeBytes: content.length,
    etag: "e1",
    headers: { "X-Repo-Commit": "c" },
    open: async ({ start, end }) => Readable.from([Buffer.from(content.slice(start, end))]),
  });
}

async function ask(path: string, headers: Record<string, string> = {}, method = "GET") {
  server ??= await openServer({
    host: { network },
    listen: { address: "127.0.0.1", port: 0 },
    tls: null,
    tokens: [new Secret("secret-1")],
    names: ["models.example.com"],
    sites: [site],
    emit: () => {},
    signal: new AbortController().signal,
  });
  return raw(server.port, `${method} ${path} HTTP/1.1`, {
    host: `127.0.0.1:${server.port}`,
    ...headers,
  });
}

/** As it goes over the wire: a client of Node's would tidy the address up. */
async function raw(port: number, line: string, headers: Record<string, string>) {
  const { connect } = await import("node:net");
  const socket = connect(port, "127.0.0.1");
  const lines = Object.entries({ ...headers, connection: "close" });
  socket.write(`${line}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  let text = "";
  for await (const part of socket) text += String(part);
  const [head = "", body = ""] = text.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head, body };
}

it("answers a range, the whole, and nothing but headers", async () => {
  expect((await ask("/file")).body).toBe(content);
  const part = await ask("/file", { range: "bytes=2-4" });
  expect([part.status, part.body]).toEqual([206, "234"]);
  expect(part.head).toContain("Content-Range: bytes 2-4/10");
  expect((await ask("/file", { range: "bytes=-3" })).body).toBe("789");
  expect((await ask("/file", { range: "bytes=4-2" })).body).toBe(content);
  const beyond = await ask("/file", { range: "bytes=10-" });
  expect([beyond.status, beyond.body]).toEqual([416, ""]);
  expect(beyond.head).toContain("Content-Range: bytes */10");
  const head = await ask("/file", {}, "HEAD");
  expect(head.head).toContain("Content-Length: 10");
  expect(head.head).toContain('ETag: "e1"');
  expect(head.body).toBe("");
});

it("answers conditions by the content's name alone", async () => {
  expect((await ask("/file", { "if-none-match": 'W/"e1"' })).status).toBe(304);
  expect((await ask("/file", { "if-none-match": '"e2"' })).status).toBe(200);
  const range = { range: "bytes=0-1" };
  expect((await ask("/file", { ...range, "if-range": '"e1"' })).body).toBe("01");
  expect((await ask("/file", { ...range, "if-range": '"e2"' })).body).toBe(content);
  const date = "Tue, 01 Sep 2026 00:00:00 GMT";
  expect((await ask("/file", { ...range, "if-range": date })).body).toBe(content);
});

it("knows its tokens, sent as Hub clients and as Docker send them", async () => {
  const authorized = async (authorization: string): Promise<unknown> =>
    JSON.parse((await ask("/who", { authorization })).body);
  const basic = Buffer.from("anybody:secret-1").toString("base64");
  expect(await authorized("Bearer secret-1")).toEqual({ authorized: true, confidential: true });
  expect(await authorized(`Basic ${basic}`)).toEqual({ authorized: true, confidential: true });
  expect(await authorized("Bearer hf_other")).toEqual({ authorized: false, confidential: true });
  expect(await authorized("Bearer ")).toEqual({ authorized: false, confidential: true });
});

it.each([
  "/file/../../etc/passwd",
  "/file/%2e%2e/x",
  "/file/..%2fx",
  "/file/%2e%2e%2fetc",
  "/file//x",
  "/file/%00",
  "/file/%5c..%5cx",
  "/file/%zz",
  "http://127.0.0.1/file",
])("refuses the address %s", async (path) => {
  expect((await ask(path)).status).toBe(400);
});

it("refuses an address that is longer than any of its own", async () => {
  expect((await ask(`/file/${"a".repeat(9000)}`)).status).toBe(400);
});

it.each([
  ["127.0.0.1:7171", 200],
  ["[::1]:7171", 200],
  ["192.168.1.20", 200],
  ["localhost", 200],
  ["spark-1", 200],
  ["spark-1.local:7171", 200],
  ["models.example.com", 200],
  ["evil.example.com", 421],
  ["127.0.0.1.evil.com", 421],
  ["a b", 421],
  ["", 421],
])("to a request for %s it answers %i", async (host, status) => {
  expect((await ask("/file", { host })).status).toBe(status);
});

it("says that there is nothing at an address of nobody's", async () => {
  expect((await ask("/nowhere")).status).toBe(404);
});
