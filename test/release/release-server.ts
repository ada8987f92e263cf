import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { platform, type ReleaseWorld, type TreeOptions } from "./release-world.ts";

/** Answers in the place of the server. */
export type Fault = (request: IncomingMessage, response: ServerResponse, content: Buffer) => void;

/** A server on loopback with releases, and keys of its own that sign them. */
export interface ReleaseServer {
  readonly base: string;
  /** Paths that were asked for, with their ranges. */
  readonly asked: string[];
  /** By path below the base. */
  readonly content: Map<string, Buffer>;
  readonly faults: Map<string, Fault>;
  /** What a release of this server has beside the program. */
  readonly files: Readonly<Record<string, string>>;
  /** Packs a release and signs its sums. @returns the name of its tarball */
  publish(version: string, where: readonly string[], options?: PublishOptions): Promise<string>;
  /** Signs a text as a file of sums. */
  sign(sums: string, key?: "current" | "next" | "foreign"): Promise<string>;
  close(): Promise<void>;
}

export interface PublishOptions extends TreeOptions {
  readonly key?: "current" | "next" | "foreign";
  /** Packs something else in the tree's place: tar's arguments after `-cJf FILE`. */
  readonly pack?: (tree: string) => Promise<readonly string[]>;
}

export async function startReleaseServer(world: ReleaseWorld): Promise<ReleaseServer> {
  const content = new Map<string, Buffer>();
  const faults = new Map<string, Fault>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? "").slice(1);
    asked.push(`${path} ${request.headers.range ?? "whole"}`);
    const bytes = content.get(path);
    const fault = faults.get(path);
    if (fault !== undefined) fault(request, response, bytes ?? Buffer.alloc(0));
    else if (bytes === undefined) response.writeHead(404).end();
    else answer(request, response, bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const keys = join(world.root, "keys");
  await mkdir(keys);
  for (const name of ["current", "next", "foreign"]) {
    const args = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(keys, name)];
    execFileSync("ssh-keygen", args);
  }
  const signers = await Promise.all(
    ["current", "next"].map(async (name) => {
      const key = await readFile(join(keys, `${name}.pub`), "utf8");
      return `release@heros namespaces="heros-release" ${key}`;
    }),
  );

  const sign: ReleaseServer["sign"] = async (sums, key = "current") => {
    const file = join(keys, "SHA256SUMS");
    await writeFile(file, sums);
    await rm(`${file}.sig`, { force: true });
    execFileSync(
      "ssh-keygen",
      ["-q", "-Y", "sign", "-f", join(keys, key), "-n", "heros-release", file],
      {
        stdio: "ignore",
      },
    );
    return readFile(`${file}.sig`, "utf8");
  };

  const files = { "release-keys": signers.join(""), "release-base": `${base}\n` };
  return {
    base,
    asked,
    content,
    faults,
    files,
    sign,
    async publish(version, where, { key, pack, ...options } = {}) {
      const own = { ...options, files: { ...files, ...options.files } };
      const tree = await world.unpack(version, own);
      const name = `heros-${version}-${platform}.tar.xz`;
      const tarball = join(world.root, name);
      const what = (await pack?.(tree)) ?? ["-C", dirname(tree), basename(tree)];
      const env = { ...process.env, XZ_OPT: "-0" };
      const packed = spawnSync("tar", ["-cJf", tarball, ...what], { env, encoding: "utf8" });
      if (packed.status !== 0) throw new Error(packed.stderr);
      const bytes = await readFile(tarball);
      const hash = createHash("sha256").update(bytes).digest("hex");
      const sums = `${hash}  ${name}\n${"0".repeat(64)}  heros-${version}-linux-riscv64.tar.xz\n`;
      const signature = await sign(sums, key);
      for (const folder of where) {
        content.set(`${folder}/${name}`, bytes);
        content.set(`${folder}/SHA256SUMS`, Buffer.from(sums));
        content.set(`${folder}/SHA256SUMS.sig`, Buffer.from(signature));
      }
      await rm(tree, { recursive: true });
      await rm(tarball);
      return name;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** As a server that knows ranges. */
export function answer(request: IncomingMessage, response: ServerResponse, bytes: Buffer): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (range === null) {
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    return;
  }
  const start = Number(range[1]);
  const end = range[2] === "" ? bytes.length : Math.min(bytes.length, Number(range[2]) + 1);
  response.writeHead(206, {
    "content-length": end - start,
    "content-range": `bytes ${start}-${end - 1}/${bytes.length}`,
  });
  response.end(bytes.subarray(start, end));
}
