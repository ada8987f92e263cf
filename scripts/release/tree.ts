/**
 * Lays out one version of heros as it is installed: the program, the Node it runs on, and what it is made of.
 *
 *     node scripts/release/tree.ts --out DIR --node FILE --platform linux-arm64 --id 0.1.0-arm64-1a2b3c4d5e6f
 *
 * For the build of a checkout, which install.sh starts; scripts/release/release.ts makes releases of it. Needs what
 * `npm run build` has made, and no package of ours.
 */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { contentFiles, readContents, sbomOf } from "./contents.ts";

export interface TreeRequest {
  /** The checkout, built. */
  readonly root: string;
  /** Made here; must not be there. */
  readonly folder: string;
  /** Node for that platform. */
  readonly nodeFile: string;
  readonly nodeVersion: string;
  readonly nodeLicence: string;
  readonly platform: string;
  /** Its folder below `versions`, where that is not the version alone. */
  readonly id: string | null;
  /** Of Node's package in the registry; null where Node is from elsewhere. */
  readonly nodeIntegrity: string | null;
  /** Of the sources; null where nobody knows. */
  readonly commit: string | null;
  readonly builtFrom: "release" | "checkout";
  /** An allowed_signers file and the address that releases are under; null for a checkout. */
  readonly origin: { readonly keys: string; readonly base: string } | null;
  /** Of all that says a time. */
  readonly epochSeconds: number;
}

const launcher = `#!/bin/sh
# Starts the heros that this file is part of.
here=$0
if [ -L "$here" ]; then here=$(readlink -f -- "$here"); fi
here=$(CDPATH='' cd -- "$(dirname -- "$here")/.." && pwd -P) || exit 1
exec "$here/runtime/node" --max-semi-space-size=2 "$here/app/bin/heros.js" "$@"
`;

/** @throws Node's errors */
export function makeTree(request: TreeRequest): void {
  const { root, folder, nodeFile, nodeVersion, nodeLicence, nodeIntegrity, platform } = request;
  const { id, commit, builtFrom, origin, epochSeconds } = request;
  for (const name of ["bin", "runtime", "app/bin"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const put = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  put("bin/heros", launcher);
  chmodSync(join(folder, "bin/heros"), 0o755);
  cpSync(nodeFile, join(folder, "runtime/node"));
  chmodSync(join(folder, "runtime/node"), 0o755);
  cpSync(join(root, "bin/heros.js"), join(folder, "app/bin/heros.js"));
  const dist = join(root, "dist");
  // The man page and the completion scripts have their usual place; pictures are the README's.
  const elsewhere = [join(dist, "share"), join(root, "assets/pictures")];
  elsewhere.push(...Object.values(contentFiles).map((file) => join(dist, file)));
  const filter = (path: string): boolean => !elsewhere.includes(path);
  cpSync(dist, join(folder, "app/dist"), { recursive: true, filter });
  cpSync(join(dist, "share"), join(folder, "share"), { recursive: true });
  cpSync(join(root, "assets"), join(folder, "app/assets"), { recursive: true, filter });

  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly [key in "name" | "version" | "type" | "license"]: string;
  };
  const { name, version, type, license } = own;
  put("app/package.json", json({ name, version, type, license }));
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  const { packages, licences } = readContents(dist, { nodeVersion, nodeLicence });
  put("THIRD-PARTY-LICENSES.txt", licences);
  const node = { version: nodeVersion, integrity: nodeIntegrity };
  put("sbom.cdx.json", json(sbomOf({ version, packages, node, platform, epochSeconds })));
  const named = id === null ? {} : { id };
  put("release.json", json({ schema: 1, version, ...named, platform, commit, builtFrom, node }));
  if (origin === null) return;
  // What upgrades need: who signs them, where they are, what they change.
  cpSync(join(root, "CHANGELOG.md"), join(folder, "app/CHANGELOG.md"));
  put("release-keys", origin.keys);
  put("release-base", `${origin.base}\n`);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      node: { type: "string" },
      platform: { type: "string" },
      id: { type: "string" },
    },
  });
  const { out, node, platform, id } = values;
  if (out === undefined || node === undefined || platform === undefined || id === undefined) {
    throw new Error("needed: --out DIR --node FILE --platform NAME --id NAME");
  }
  makeTree({
    root: fileURLToPath(new URL("../..", import.meta.url)),
    folder: out,
    nodeFile: node,
    nodeVersion: process.versions.node,
    nodeLicence: "See https://github.com/nodejs/node/blob/main/LICENSE",
    nodeIntegrity: null,
    platform,
    id,
    commit: null,
    builtFrom: "checkout",
    origin: null,
    epochSeconds: Math.floor(Date.now() / 1000),
  });
}
