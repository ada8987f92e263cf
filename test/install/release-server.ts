import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));
export const platform = `linux-${process.arch === "arm64" ? "arm64" : "x64"}`;

export interface Asked {
  readonly url: string;
  readonly range: string | undefined;
}

/** A release made as `npm run release` makes it, but for Node, and a server of releases on loopback. */
export class ReleaseServer {
  readonly folder: string;
  /** What was asked for. */
  readonly asked: Asked[] = [];
  /** By name: what is served. */
  files = new Map<string, Buffer>();
  /** Of each answer, as parts of the whole file, where the connection is cut; none when used up. */
  cuts: number[] = [];
  redirectTo: string | null = null;
  /** Called for each request, which then gets no answer. */
  silent: (() => void) | null = null;
  private readonly server: Server;

  private constructor(folder: string) {
    this.folder = folder;
    this.server = createServer((request, response) => this.answer(request, response));
  }

  static async start(): Promise<ReleaseServer> {
    const folder = await mkdtemp(join(tmpdir(), "heros-releases-"));
    const server = new ReleaseServer(folder);
    server.server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    for (const key of ["current", "next", "stranger"]) {
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)]);
    }
    const node = join(folder, "node");
    await writeFile(node, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 });
    const args = ["--built", "--quick", "--out", join(folder, "out"), "--node-file", node];
    const keys = ["--key", join(folder, "current"), "--next-key", join(folder, "next.pub")];
    const where = ["--base-url", server.base, "--platform", platform];
    const script = join(root, "scripts/release/release.ts");
    await run(process.execPath, [script, ...args, ...keys, ...where]);
    await server.reset();
    return server;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The release as it was made, and nothing wrong with it. */
  async reset(): Promise<void> {
    this.asked.length = 0;
    this.cuts = [];
    this.redirectTo = null;
    this.silent = null;
    const names = ["SHA256SUMS", "SHA256SUMS.sig", "install.sh", tarball("xz"), tarball("gz")];
    const read = async (name: string) =>
      [name, await readFile(join(this.folder, "out", name))] as const;
    this.files = new Map(await Promise.all(names.map(read)));
  }

  async text(name: string): Promise<string> {
    return readFile(join(this.folder, "out", name), "utf8");
  }

  /** Serves these sums, signed by that key. */
  async sign(sums: string, key: "current" | "next" | "stranger"): Promise<void> {
    const file = join(this.folder, "SHA256SUMS");
    await writeFile(file, sums);
    await rm(`${file}.sig`, { force: true });
    const args = ["-q", "-Y", "sign", "-f", join(this.folder, key), "-n", "heros-release", file];
    execFileSync("ssh-keygen", args, { stdio: "ignore" });
    this.files.set("SHA256SUMS", Buffer.from(sums));
    this.files.set("SHA256SUMS.sig", await readFile(`${file}.sig`));
  }

  /** Serves as a release, rightly signed, what GNU tar makes of these arguments in a folder that holds a copy of the release. */
  async packStrangely(prepare: string, args: readonly string[]): Promise<void> {
    const folder = await mkdtemp(join(this.folder, "strange-"));
    const name = tarball("xz").replace(".tar.xz", "");
    await mkdir(join(folder, name));
    await cp(join(this.folder, "node"), join(folder, name, "node"));
    execFileSync("sh", ["-c", prepare], { cwd: join(folder, name) });
    execFileSync("tar", ["-cJf", "strange.tar.xz", ...args, name], {
      cwd: folder,
      stdio: "ignore",
    });
    const packed = await readFile(join(folder, "strange.tar.xz"));
    this.files.set(tarball("xz"), packed);
    const sum = createHash("sha256").update(packed).digest("hex");
    await this.sign(`${sum}  ${tarball("xz")}\n`, "current");
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = "" } = request;
    const { range } = request.headers;
    this.asked.push({ url, range });
    const name = /^\/(?:latest\/download|download\/v0\.1\.0)\/([^/]+)$/u.exec(url)?.[1] ?? "";
    const content = this.files.get(name);
    if (this.silent !== null) {
      this.silent();
      return;
    }
    if (this.redirectTo !== null) {
      response.writeHead(302, { location: `${this.redirectTo}${url}` }).end();
      return;
    }
    if (content === undefined) {
      response.writeHead(404).end("no such file");
      return;
    }
    const start = Number(/^bytes=(\d+)-$/u.exec(range ?? "")?.[1] ?? 0);
    const rest = content.subarray(start);
    const partial = { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` };
    const headers = { "content-length": rest.length, ...(start === 0 ? {} : partial) };
    response.writeHead(start === 0 ? 200 : 206, headers);
    const cut = name.startsWith("heros-") ? this.cuts.shift() : undefined;
    if (cut === undefined) {
      response.end(rest);
      return;
    }
    const end = Math.max(0, Math.floor(content.length * cut) - start);
    response.write(rest.subarray(0, end), () => response.destroy());
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export function tarball(packing: "xz" | "gz"): string {
  return `heros-0.1.0-${platform}.tar.${packing}`;
}
