/**
 * Serves a folder on loopback, over http and over https, and goes wrong as the first part of the path says:
 *
 *     node test/install/fault-server.ts FOLDER CERTIFICATE KEY     prints both addresses, and runs until it is killed
 *
 *     /good/…       FOLDER/good/…, and so for each folder that is there
 *     /cut-30/…     tarballs of /good end after 30 % of their bytes, however often they are asked for
 *     /resume/…     they are cut at 30, 60 and 90 %, and go on from there
 *     /stall/…      nothing comes after half of a tarball; the connection stays
 *     /hang/…       nothing is answered
 *     /redirect/…   to /good by plain http
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";

const [folder = "", certificate = "", key = ""] = process.argv.slice(2);

const answer: RequestListener = ({ url = "", headers }, response) => {
  const [, fault = "", ...rest] = url.split("/");
  const path = rest.join("/");
  if (fault === "hang") return;
  if (fault === "redirect") {
    response.writeHead(302, { location: `${plain}/good/${path}` }).end();
    return;
  }
  const broken = /^(?:cut-\d+|resume|stall)$/u.test(fault);
  const content = read(join(folder, broken ? "good" : fault, path));
  if (content === null) {
    response.writeHead(404).end("no such file");
    return;
  }
  const start = Number(/^bytes=(\d+)-/u.exec(headers.range ?? "")?.[1] ?? 0);
  const { length } = content;
  const range = { "content-range": `bytes ${start}-${length - 1}/${length}` };
  const told = { "content-length": length - start, ...(start === 0 ? {} : range) };
  response.writeHead(start === 0 ? 200 : 206, told);
  if (broken && path.includes(".tar.")) serveBroken(response, { fault, content, start });
  else response.end(content.subarray(start));
};

interface Broken {
  readonly fault: string;
  readonly content: Buffer;
  readonly start: number;
}

function serveBroken(response: ServerResponse, { fault, content, start }: Broken): void {
  const parts = { resume: [0.3, 0.6, 0.9, 1], stall: [0.5] }[fault] ?? [
    Number(fault.slice("cut-".length)) / 100,
  ];
  const ends = parts.map((part) => Math.floor(part * content.length));
  const end = ends.find((each) => each > start) ?? start;
  if (end === content.length) {
    response.end(content.subarray(start));
    return;
  }
  response.flushHeaders();
  response.write(content.subarray(start, end));
  if (fault !== "stall") response.socket?.end();
}

function read(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const plain = `http://127.0.0.1:${await listen(createServer(answer))}`;
const keyPair = { cert: readFileSync(certificate), key: readFileSync(key) };
const secure = `https://localhost:${await listen(createTlsServer(keyPair, answer))}`;
process.stdout.write(`${plain} ${secure}\n`);
