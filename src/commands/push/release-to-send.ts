import path from "node:path";
import type { Host } from "../../host/host.ts";
import { folderOfVariable, isThere } from "../../host/places.ts";
import { fetchTarball, sha256Of } from "../../release/fetch-tarball.ts";
import { findTarball, requireSigned } from "../../release/signed-sums.ts";
import { isFromNpm, readTree, type ReleaseTree, treeOfApp } from "../../release/tree.ts";
import { errorCode, Failure } from "../../run/failure.ts";
import { failure } from "../../run/failures/table.ts";
import { compareVersions } from "../../run/version.ts";
import type { FarMachine, FarRelease } from "../../ssh/far-machine.ts";
import { absolute } from "../open-catalog.ts";
import type { Work } from "../command-request.ts";
import { baseOf } from "../release/upgrade.ts";

/** A tarball with one folder in it, an unpacked release. */
export interface SentRelease {
  readonly version: string;
  /** Absolute. */
  readonly file: string;
  readonly packing: "xz" | "gz";
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Where it is kept until it has arrived. */
  readonly kept?: string;
}

export interface ReleaseToSend {
  /** Absolute: the folder that holds the program's package.json. */
  readonly appDir: string;
  /** `--release`, as typed. */
  readonly release: string | null;
  readonly machine: FarMachine;
  /** The other machine, as messages name it. */
  readonly host: string;
  /** A folder of this run's own, for what is packed. */
  readonly folder: string;
}

/**
 * The release that the other machine has to get; null where it has it, or a newer one.
 * @throws Failure `push.no_release`, `push.other_platform`, `push.bad_release`, `push.not_packed`, `release.…`; AbortError
 */
export async function releaseToSend(
  work: Work,
  request: ReleaseToSend,
): Promise<SentRelease | null> {
  const { release, machine, folder } = request;
  if (release !== null) return namedRelease(work, { ...request, release });
  const tree = await ownTree(work.host, request.appDir);
  if (machine.heros !== null && isAsNew(machine.heros, tree)) return null;
  return tree.platform === machine.platform
    ? pack(work, tree, folder)
    : otherRelease(work, tree, request);
}

/**
 * The same version for another processor, from where this one's upgrades come from: signed, as they are. A download that breaks off is
 * kept for the next time.
 */
async function otherRelease(
  work: Work,
  { folder: tree, version, platform: own }: ReleaseTree,
  { machine, host: label }: ReleaseToSend,
): Promise<SentRelease> {
  const { host, emit, signal } = work;
  const { platform, hasXz } = machine;
  const keys = path.join(tree, "release-keys");
  const base = await baseOf(host, { folder: tree }, keys).catch((cause: unknown) => {
    if (!(cause instanceof Failure) || cause.code !== "release.from_checkout") throw cause;
    throw failure("push.other_platform", { host: label, own, platform, isNamed: false }, cause);
  });
  const source = { host, base, signal };
  const wanted = { version, channel: "stable" } as const;
  const tarball = await findTarball(source, { wanted, keys, platform, hasXz });
  const message = `Downloading heros ${version} for ${platform}.`;
  emit({ type: "notice", level: "info", code: "push.other_release", message });
  const downloads = path.join(folderOfVariable(host, "XDG_CACHE_HOME", ".cache"), "heros/push");
  const kept = path.join(downloads, tarball.sha256.slice(0, 16));
  await removeOthers(host, downloads, kept);
  const file = await fetchTarball({ ...source, emit, folder: kept }, tarball);
  const { size: sizeBytes } = await host.files.stat(file);
  const packing = file.endsWith(".xz") ? "xz" : "gz";
  return { version, file, packing, sizeBytes, sha256: tarball.sha256, kept };
}

/** What was downloaded for pushes of other versions. */
async function removeOthers({ files }: Host, downloads: string, kept: string): Promise<void> {
  for (const name of await files.readdir(downloads).catch(() => [])) {
    const other = path.join(downloads, name);
    if (other !== kept) await files.rm(other, { recursive: true, force: true });
  }
}

/** @throws Failure `push.no_release` (exit 2) */
async function ownTree(host: Host, appDir: string): Promise<ReleaseTree> {
  const folder = await treeOfApp(host, appDir);
  if (folder !== null) return readTree(host, folder);
  throw failure("push.no_release", { how: isFromNpm(appDir) ? "npm" : "checkout", folder: appDir });
}

/** The same one, or a newer one. A build of a checkout is named after its processor and its sources. */
function isAsNew(there: FarRelease, own: ReleaseTree): boolean {
  const order = compareVersions(there.version, own.version);
  if (order !== 0) return order > 0;
  const source = (id: string): string => id.replace(/-(?:x64|arm64)-/u, "-");
  return there.commit === own.commit && source(there.id) === source(own.id);
}

const packing = ["-c", "-I", "gzip -n -1"];
/** What Node made of the program on this machine. */
const compiled = "app/node_modules/.cache";
/** The same tree becomes the same bytes, so that what was sent of it before still counts. */
const reproducible = `--sort=name --mtime=2000-01-01T00:00Z --owner=0 --group=0 --numeric-owner
--format=ustar`.split(/\s+/u);

async function pack(
  { host, emit, signal }: Work,
  { folder: unpacked, version }: ReleaseTree,
  folder: string,
): Promise<SentRelease> {
  const message = `Packing heros ${version}.`;
  emit({ type: "notice", level: "info", code: "push.packing", message });
  const file = path.join(folder, "heros.tar.gz");
  const name = path.basename(unpacked);
  const tree = ["-C", path.dirname(unpacked), "--", name];
  const { exitCode, stderr, missing } = await host.processes.run({
    command: "tar",
    args: [...packing, "-f", file, ...reproducible, `--exclude=${name}/${compiled}`, ...tree],
    env: { LC_ALL: "C" },
    signal,
  });
  if (exitCode !== 0) {
    const [said = ""] = stderr.trim().split("\n");
    throw failure("push.not_packed", { reason: missing ? "tar is missing" : said });
  }
  const { size } = await host.files.stat(file);
  const sha256 = await sha256Of(host, file, signal);
  return { version, file, packing: "gz", sizeBytes: size, sha256 };
}

/** The tarball that a person names: signed, as far as this heros knows who may sign. */
async function namedRelease(
  work: Work,
  { release, machine, host: label, appDir }: ReleaseToSend & { readonly release: string },
): Promise<SentRelease> {
  const { host, emit, signal } = work;
  const file = absolute(host, release);
  const bad = (problem: string, cause?: unknown) =>
    failure("push.bad_release", { file, problem }, cause);
  const {
    version = "",
    built = "",
    packed,
  } = /^heros-(?<version>\d[0-9A-Za-z.+-]*)-(?<built>linux-\w+)\.tar\.(?<packed>xz|gz)$/u.exec(
    path.basename(file),
  )?.groups ?? {};
  if (packed === undefined) throw bad("its name is not that of a release");
  const stats = await host.files.stat(file).catch((cause: unknown) => {
    throw bad(errorCode(cause) === "ENOENT" ? "it does not exist" : "it can't be read", cause);
  });
  if (!stats.isFile()) throw bad("it is not a file");
  if (built !== machine.platform) {
    const { platform } = machine;
    throw failure("push.other_platform", { host: label, own: built, platform, isNamed: true });
  }
  if (packed === "xz" && !machine.hasXz) {
    throw failure("push.lacks_tools", { host: label, tools: ["xz"] });
  }
  const sha256 = await sha256Of(host, file, signal).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw bad("it can't be read", cause);
  });
  const tree = await treeOfApp(host, appDir);
  const keys = tree === null ? null : path.join(tree, "release-keys");
  if (keys !== null && (await isThere(host, keys))) {
    await requireSigned({ host, signal }, { file, sha256, keys });
  } else {
    const message = `${path.basename(file)} is sent unverified: a heros that was built from a checkout knows no keys of releases.`;
    emit({ type: "notice", level: "warning", code: "push.unverified", message });
  }
  return {
    version,
    file,
    packing: packed === "xz" ? "xz" : "gz",
    sizeBytes: stats.size,
    sha256,
  };
}
