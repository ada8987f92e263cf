import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { answer } from "./release-server.ts";
import { platform } from "./release-world.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Changes {
  readonly files?: Readonly<Record<string, string>>;
  /** False: a script that starts it is in its place. */
  readonly realNode?: boolean;
}

/** Releases as scripts/release makes them, with this very Node in them, on a server on loopback. */
export interface RealReleases {
  /** Of this checkout. */
  readonly version: string;
  readonly base: string;
  /** Makes one of a release's tree with another version and other files in it, as .tar.gz alone. */
  remake(version: string, of: string, changes?: Changes): Promise<void>;
  /** From now on it is the newest. */
  offer(version: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes a release of this checkout, and one of a copy with another version.
 * @param folder made for all of it
 */
export async function serveReleases(
  folder: string,
  copied: { readonly version: string; readonly changelog: string },
): Promise<RealReleases> {
  const served = join(folder, "served");
  const key = join(folder, "key");
  await mkdir(join(served, "latest"), { recursive: true });
  for (const file of [key, `${key}-next`]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
  }
  const server = createServer((request, response) => {
    const file = join(served, normalize(request.url ?? "/"));
    readFile(file).then(
      (bytes) => answer(request, response, bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const placeOf = (version: string): string => join(served, `download/v${version}`);

  async function pack(checkout: string, version: string): Promise<void> {
    const args = ["--built", "--quick", "--node-file", process.execPath, "--platform", platform];
    const keys = ["--key", key, "--next-key", `${key}-next.pub`, "--base-url", base];
    const script = join(checkout, "scripts/release/release.ts");
    await run(process.execPath, [script, ...args, ...keys, "--out", placeOf(version)]);
  }

  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const copy = join(folder, "checkout");
  for (const name of ["bin", "dist", "assets", "scripts", "src", "package-lock.json"]) {
    await cp(join(root, name), join(copy, name), { recursive: true });
  }
  for (const name of ["LICENSE", "install.sh"]) await cp(join(root, name), join(copy, name));
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  const text = await readFile(join(root, "package.json"), "utf8");
  await writeFile(join(copy, "package.json"), withVersion(text, copied.version));
  await writeFile(join(copy, "CHANGELOG.md"), copied.changelog);
  await Promise.all([pack(root, version), pack(copy, copied.version)]);
  await rm(copy, { recursive: true });
  // Most of what is packed; what is refused anyway starts this one, as anybody may.
  const standIn = join(folder, "node");
  await copyFile(process.execPath, standIn);
  await chmod(standIn, 0o755);
  return {
    version,
    base,
    async remake(next, of, { files = {}, realNode = true } = {}) {
      const nameOf = (own: string): string => `heros-${own}-${platform}`;
      const place = placeOf(next);
      await mkdir(place);
      const node = `${nameOf(of)}/runtime/node`;
      const packedOf = join(placeOf(of), `${nameOf(of)}.tar.gz`);
      const without = realNode ? [] : [`--exclude=${node}`];
      await run("tar", ["-xf", packedOf, ...without, "-C", folder]);
      if (!realNode) {
        await writeFile(join(folder, node), `#!/bin/sh\nexec '${standIn}' "$@"\n`, { mode: 0o755 });
      }
      const tree = join(folder, nameOf(next));
      await rename(join(folder, nameOf(of)), tree);
      for (const name of ["release.json", "app/package.json"]) {
        const file = join(tree, name);
        await writeFile(file, withVersion(await readFile(file, "utf8"), next));
      }
      for (const [name, content] of Object.entries(files)) {
        await writeFile(join(tree, name), content);
      }
      const tarball = `${nameOf(next)}.tar.gz`;
      const packed = ["-I", "gzip -1", "-cf", join(place, tarball), "-C", folder, nameOf(next)];
      await run("tar", packed);
      await rm(tree, { recursive: true });
      const bytes = await readFile(join(place, tarball));
      const hash = createHash("sha256").update(bytes).digest("hex");
      const sums = join(place, "SHA256SUMS");
      await writeFile(sums, `${hash}  ${tarball}\n`);
      await run("ssh-keygen", ["-q", "-Y", "sign", "-f", key, "-n", "heros-release", sums]);
    },
    async offer(wanted) {
      const link = join(served, "latest/download");
      await rm(link, { force: true });
      await symlink(placeOf(wanted), link);
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function withVersion(json: string, version: string): string {
  return json.replace(/^ {2}"version": ".*"/mu, `  "version": "${version}"`);
}
