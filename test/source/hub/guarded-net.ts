import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { type EmbeddedHub, type HubOptions, startHub } from "../../../src/demo/hub/hub.ts";

/** What a server saw of one request: "GET hub.test/…", and the header of that name. */
export interface Seen {
  readonly what: string;
  readonly authorization: string | undefined;
  readonly proxyAuthorization: string | undefined;
}

interface Guarded extends AsyncDisposable {
  readonly served: EmbeddedHub;
  /** `https://localhost:PORT`, for who goes there directly. */
  readonly localEndpoint: string;
  /** For NODE_EXTRA_CA_CERTS. */
  readonly certificate: string;
  readonly hubSaw: readonly Seen[];
  readonly contentSaw: readonly Seen[];
  /** Where `hub.test` and `cdn.test` are, with and without TLS: only a proxy knows. */
  readonly names: Names;
}

type Names = ReadonlyMap<string, number>;

export interface Proxy extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly saw: readonly Seen[];
}

const seen = (what: string, { headers }: http.IncomingMessage): Seen => ({
  what,
  authorization: headers.authorization,
  proxyAuthorization: headers["proxy-authorization"],
});

/** A certificate of one's own for these names; its key lies beside it. @returns its path */
export async function makeCertificate(dir: string, names: readonly string[]): Promise<string> {
  const certificate = join(dir, `${names[0] ?? "none"}.pem`);
  const subjects = names.map((name) => `DNS:${name}`).join(",");
  const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const files = ["-nodes", "-keyout", `${certificate}.key`, "-out", certificate];
  const what = ["-days", "2", "-subj", "/CN=test", "-addext", `subjectAltName=${subjects}`];
  await promisify(execFile)("openssl", [...kind, ...files, ...what]);
  return certificate;
}

/** An embedded Hub behind TLS. `strangeContent`: the certificate of the contents' server is another, which nobody trusts. */
export async function startGuardedHub(
  dir: string,
  options: HubOptions,
  { strangeContent = false } = {},
): Promise<Guarded> {
  const served = await startHub(options);
  const certificate = await makeCertificate(dir, ["hub.test", "cdn.test", "localhost"]);
  const strange = strangeContent ? await makeCertificate(dir, ["cdn.test", "localhost"]) : null;
  const hubSaw: Seen[] = [];
  const contentSaw: Seen[] = [];
  const content = await startFront({
    certificate: strange ?? certificate,
    behind: served.contentOrigin,
    saw: contentSaw,
  });
  const hub = await startFront({
    certificate,
    behind: served.endpoint,
    saw: hubSaw,
    // Who came by a name is sent on to a name.
    relocate: (location, host) =>
      location.replace(
        served.contentOrigin,
        host === "hub.test" ? "https://cdn.test" : `https://localhost:${content.port}`,
      ),
  });
  return {
    served,
    localEndpoint: `https://localhost:${hub.port}`,
    certificate,
    hubSaw,
    contentSaw,
    names: new Map([
      ["hub.test:443", hub.port],
      ["cdn.test:443", content.port],
      ["hub.test:80", Number(new URL(served.endpoint).port)],
      ["cdn.test:80", Number(new URL(served.contentOrigin).port)],
    ]),
    async [Symbol.asyncDispose]() {
      await Promise.all([hub.close(), content.close(), served.close()]);
    },
  };
}

/** A TLS server that hands everything on to a plain one behind it. */
export async function startFront({
  certificate,
  behind,
  saw,
  relocate = (location) => location,
}: {
  certificate: string;
  behind: string;
  saw: Seen[];
  relocate?: (location: string, host: string) => string;
}) {
  const [cert, key] = [await readFile(certificate), await readFile(`${certificate}.key`)];
  const server = https.createServer({ cert, key }, (request, response) => {
    const host = request.headers.host ?? "";
    saw.push(seen(`${request.method ?? ""} ${host}`, request));
    pass(request, response, new URL(request.url ?? "/", behind), (location) =>
      relocate(location, host),
    );
  });
  return listen(server);
}

/** A proxy that tunnels with CONNECT, and passes plain requests on. It alone knows where the names lead. */
export async function startProxy(
  names: Names,
  rules: {
    readonly password?: string;
    readonly refuse?: number;
    /** Of plain requests: what redirects to this origin become. */
    readonly relocate?: { readonly from: string; readonly to: string };
  } = {},
): Promise<Proxy> {
  const { password, refuse, relocate } = rules;
  const saw: Seen[] = [];
  const wanted =
    password === undefined
      ? undefined
      : `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;
  const portOf = (host: string, usual: number): number => {
    const [name = "", port = String(usual)] = host.split(":");
    return names.get(`${name}:${port}`) ?? Number(port);
  };
  const server = http.createServer((request, response) => {
    const target = new URL(request.url ?? "/", "http://nowhere.test");
    saw.push(seen(`${request.method ?? ""} ${target.host}`, request));
    target.host = `127.0.0.1:${portOf(target.host, 80)}`;
    pass(request, response, target, (location) =>
      relocate === undefined ? location : location.replace(relocate.from, relocate.to),
    );
  });
  server.on("connect", (request, socket) => {
    const host = request.url ?? "";
    saw.push(seen(`CONNECT ${host}`, request));
    socket.on("error", () => {});
    const granted = request.headers["proxy-authorization"] === wanted;
    if (!granted || refuse !== undefined) {
      socket.end(`HTTP/1.1 ${refuse ?? 407} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const onward = net.connect(portOf(host, 443), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("close", () => onward.destroy());
  });
  const { port, close } = await listen(server);
  return { address: `127.0.0.1:${port}`, saw, [Symbol.asyncDispose]: close };
}

function pass(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  target: URL,
  relocate = (location: string): string => location,
): void {
  const { method, headers } = request;
  const onward = http.request(target, { method, headers, agent: false }, (answer) => {
    const { location } = answer.headers;
    const moved = location === undefined ? {} : { location: relocate(location) };
    response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...moved });
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

function listen(server: http.Server | https.Server) {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return new Promise<{ port: number; close: () => Promise<void> }>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const close = (): Promise<void> =>
        new Promise((closed) => {
          server.close(() => closed());
          for (const socket of sockets) socket.destroy();
        });
      resolve({ port, close });
    });
  });
}
