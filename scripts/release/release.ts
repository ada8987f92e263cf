/**
 * Makes a release of this checkout in `release/`: a tarball for each platform, their sums, the signature of the sums, and an
 * install.sh that knows the keys and the address. The same sources make the same bytes, wherever and whenever.
 *
 *     npm run release -- [--key FILE [--next-key FILE.pub] --base-url URL] [--platform linux-arm64]… [--out DIR]
 *
 * Without a key nothing is signed. Needs llvm-strip, xz, GNU tar and, for a signature, ssh-keygen. See docs/releasing.md.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeTree } from "./tree.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const platforms = ["linux-arm64", "linux-x64"];
const identity = "release@heros";
const namespace = "heros-release";

const { values } = parseArgs({
  options: {
    key: { type: "string" },
    "next-key": { type: "string" },
    "base-url": { type: "string" },
    platform: { type: "string", multiple: true },
    out: { type: "string" },
    /** Node for each platform, instead of the registry's. */
    "node-file": { type: "string" },
    /** Packs in seconds, into larger tarballs: for tests. */
    quick: { type: "boolean", default: false },
    /** What `npm run build` made is there. */
    built: { type: "boolean", default: false },
  },
});
const out = values.out ?? join(root, "release");
const wanted = values.platform ?? platforms;
const work = mkdtempSync(join(tmpdir(), "heros-release-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

const { version, devDependencies } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
) as {
  readonly version: string;
  readonly devDependencies: { readonly node: string };
};
const nodeVersion = devDependencies.node;
const commit = git("rev-parse", "HEAD");
const epochSeconds = Number(
  process.env["SOURCE_DATE_EPOCH"] ?? git("log", "-1", "--format=%ct") ?? 0,
);
const origin = originOf();

for (const tool of ["tar", "xz", ...(values["node-file"] === undefined ? ["llvm-strip"] : [])]) {
  requireTool(tool);
}
// The man page says it, too.
process.env["SOURCE_DATE_EPOCH"] = String(epochSeconds);
if (!values.built) run("npm", ["run", "--silent", "build"]);
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const built = wanted.flatMap(makePlatform);
const sums = built.map((file) => `${sha256(join(out, file))}  ${file}\n`).join("");
writeFileSync(join(out, "SHA256SUMS"), sums);
if (values.key !== undefined) {
  run("ssh-keygen", [
    "-q",
    "-Y",
    "sign",
    "-f",
    values.key,
    "-n",
    namespace,
    join(out, "SHA256SUMS"),
  ]);
}
writeFileSync(join(out, "install.sh"), stampedInstaller(), { mode: 0o755 });
process.stdout.write(
  `${sums}heros ${version} is in ${out}, ${origin === null ? "not signed" : "signed"}\n`,
);

/** @returns the names of its tarballs */
function makePlatform(platform: string): string[] {
  const name = `heros-${version}-${platform}`;
  const given = values["node-file"];
  const node = given ?? stripped(platform);
  makeTree({
    root,
    folder: join(work, name),
    nodeFile: node,
    nodeVersion,
    nodeLicence: licenceOf(node),
    nodeIntegrity: given === undefined ? pinnedIntegrity(platform) : null,
    platform,
    id: null,
    commit,
    builtFrom: "release",
    origin,
    epochSeconds,
  });
  const tar = join(work, `${name}.tar`);
  run("tar", [
    "--create",
    `--file=${tar}`,
    `--directory=${work}`,
    "--format=ustar",
    "--sort=name",
    `--mtime=@${epochSeconds}`,
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u+rwX,go+rX,go-w",
    name,
  ]);
  run("xz", ["--keep", values.quick ? "-0" : "-6", "--threads=1", "--check=crc64", tar]);
  run("gzip", ["--keep", "--no-name", values.quick ? "-1" : "-9", tar]);
  return ["xz", "gz"].map((suffix) => {
    const file = `${name}.tar.${suffix}`;
    cpSync(`${tar}.${suffix}`, join(out, file));
    return file;
  });
}

/** Node as the registry has it, by the hash that scripts/runtime.lock pins, without its symbols. */
function stripped(platform: string): string {
  const archive = `node-${platform}-${nodeVersion}.tgz`;
  const folder = join(work, platform);
  mkdirSync(folder);
  run("npm", [
    "pack",
    `node-${platform}@${nodeVersion}`,
    "--ignore-scripts",
    "--loglevel=error",
    "--pack-destination",
    folder,
  ]);
  const found = createHash("sha512")
    .update(readFileSync(join(folder, archive)))
    .digest("base64");
  if (`sha512-${found}` !== pinnedIntegrity(platform)) {
    throw new Error(`${archive} doesn't have the hash that scripts/runtime.lock gives`);
  }
  run("tar", ["-xzf", join(folder, archive), "-C", folder, "package/bin/node", "package/LICENSE"]);
  const node = join(folder, "package/bin/node");
  run("llvm-strip", ["--strip-all", node]);
  return node;
}

/** As scripts/runtime.lock has it. @throws Error where it has none */
function pinnedIntegrity(platform: string): string {
  const lines = readFileSync(join(root, "scripts/runtime.lock"), "utf8").split("\n");
  const line = lines.find((each) => each.endsWith(`  node-${platform}-${nodeVersion}.tgz`));
  if (line === undefined) throw new Error(`scripts/runtime.lock has no Node for ${platform}`);
  return `sha512-${Buffer.from(line.split(" ")[0] ?? "", "hex").toString("base64")}`;
}

function licenceOf(node: string): string {
  const beside = join(node, "../../LICENSE");
  return existsSync(beside) ? readFileSync(beside, "utf8") : "See the LICENSE of Node.js.";
}

/** The keys that a release is checked with, and where releases are; null without a key. @throws Error for a key without its public half */
function originOf(): { readonly keys: string; readonly base: string } | null {
  const { key, "base-url": base = "https://github.com/her-os/heros/releases" } = values;
  if (key === undefined) return null;
  const next = values["next-key"];
  const publics = [`${key}.pub`, ...(next === undefined ? [] : [next])].map(publicKey);
  const keys = publics.map((text) => `${identity} namespaces="${namespace}" ${text}\n`).join("");
  return { keys, base: base.replace(/\/+$/u, "") };
}

/** Its type and its body, without the comment. */
function publicKey(file: string): string {
  const [type, body] = readFileSync(file, "utf8").trim().split(/\s+/u);
  if (type?.startsWith("ssh-") !== true || body === undefined) {
    throw new Error(`${basename(file)} is no public key of ssh-keygen`);
  }
  return `${type} ${body}`;
}

/** install.sh with the keys and the address in it. */
function stampedInstaller(): string {
  const text = readFileSync(join(root, "install.sh"), "utf8");
  if (origin === null) return text;
  const stamp = (source: string, name: string, value: string): string => {
    const line = new RegExp(`^${name}='[^']*'$`, "mu");
    if (!line.test(source)) throw new Error(`install.sh has no line for ${name}`);
    return source.replace(line, () => `${name}='${value}'`);
  };
  return stamp(stamp(text, "release_keys", origin.keys.trimEnd()), "release_base", origin.base);
}

function git(...args: readonly string[]): string | null {
  try {
    return execFileSync("git", args, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return null;
  }
}

function requireTool(tool: string): void {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" });
  } catch {
    const packages: Readonly<Record<string, string>> = { "llvm-strip": "llvm", xz: "xz-utils" };
    throw new Error(`${tool} is missing: sudo apt-get install ${packages[tool] ?? tool}`);
  }
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
