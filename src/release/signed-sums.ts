import path from "node:path";
import type { Host } from "../host/host.ts";
import { readNamedFile } from "../host/named-file.ts";
import { findOnPath } from "../host/places.ts";
import { errorCode, Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { compareVersions } from "../run/version.ts";
import { askHub, readText, type Session } from "../source/hub/request.ts";
import { abandon } from "../source/request.ts";
import { createAskAgain, isTlsError, transientErrorOf } from "../source/retry-policy.ts";

/** Where releases are. Below it stand `latest/download/…`, `download/beta/…` and `download/v<version>/…`. */
export interface ReleaseSource {
  readonly host: Pick<Host, "network" | "clock" | "random" | "files" | "processes" | "env">;
  /** Without a slash at its end. */
  readonly base: string;
  readonly signal: AbortSignal;
}

export interface Wanted {
  readonly channel: "stable" | "beta";
  /** This one, whatever the channel has. */
  readonly version: string | null;
}

/** A tarball as the signed sums name it. */
export interface Tarball {
  readonly version: string;
  readonly name: string;
  readonly url: string;
  readonly sha256: string;
}

const maxBytes = 64 * 1024;
/** A person waits, and can run it again. */
const patienceMs = 20_000;

export function sessionOf({ host, base }: ReleaseSource): Session {
  return { host, endpoint: base, token: null, answerLimitMs: 30_000 };
}

/**
 * The tarball for this platform, as SHA256SUMS names it, whose signature is checked first. For betas it is the newest of both
 * channels: a beta is followed by its release.
 * @param keys the file with the keys that may sign
 * @throws Failure `release.unreachable`, `release.not_found` (5), `release.bad_signature`, `release.no_ssh_keygen`,
 *   `release.wrong_version` (6), `release.no_platform` (4); AbortError
 */
export async function findTarball(
  source: ReleaseSource,
  { wanted, ...rest }: FindTarball,
): Promise<Tarball> {
  const { channel, version } = wanted;
  if (version !== null || channel === "stable") return findIn(source, { wanted, ...rest });
  const stable = { wanted: { channel: "stable", version }, ...rest } as const;
  const [beta, release] = await Promise.all([
    orNotFound(findIn(source, { wanted, ...rest })),
    orNotFound(findIn(source, stable)),
  ]);
  if (release instanceof Failure) {
    if (beta instanceof Failure) throw beta;
    return beta;
  }
  if (beta instanceof Failure) return release;
  return compareVersions(release.version, beta.version) > 0 ? release : beta;
}

interface FindTarball {
  readonly wanted: Wanted;
  readonly keys: string;
  readonly platform: string;
  /** Left out where this machine unpacks it. */
  readonly hasXz?: boolean;
}

/** A channel may have nothing. @throws every other failure */
async function orNotFound(found: Promise<Tarball>): Promise<Tarball | Failure> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Failure && error.code === "release.not_found") return error;
    throw error;
  }
}

/** That of one channel, or of one version. */
async function findIn(
  source: ReleaseSource,
  { wanted, keys, platform, hasXz }: FindTarball,
): Promise<Tarball> {
  const folder = folderOf(source.base, wanted);
  const [sums, signature] = await Promise.all([
    readSmall(source, `${folder}/SHA256SUMS`),
    readSmall(source, `${folder}/SHA256SUMS.sig`),
  ]);
  await verifySignature(source, { keys, sums, signature });
  const found = tarballsOf(sums, platform);
  const packed = (hasXz ?? (await findXz(source))) ? ".tar.xz" : ".tar.gz";
  const tarball = found.find(({ name }) => name.endsWith(packed));
  if (tarball === undefined) throw failure("release.no_platform", { platform, folder });
  const { version } = tarball;
  if (wanted.version !== null && version !== wanted.version) {
    throw failure("release.wrong_version", { wanted: wanted.version, found: version });
  }
  return { ...tarball, url: `${folder}/${tarball.name}` };
}

function folderOf(base: string, { channel, version }: Wanted): string {
  if (version !== null) return `${base}/download/v${version}`;
  return channel === "beta" ? `${base}/download/beta` : `${base}/latest/download`;
}

/** Lines as sha256sum writes them. */
export function tarballsOf(sums: string, platform: string): Omit<Tarball, "url">[] {
  return sums.split("\n").flatMap((line) => {
    const groups =
      /^(?<sha256>[0-9a-f]{64}) [ *](?<name>heros-(?<version>\d+\.\d+\.\d+[0-9A-Za-z.+-]*?)-(?<built>linux-\w+)\.tar\.[xg]z)$/u.exec(
        line,
      )?.groups;
    if (groups === undefined) return [];
    const { sha256 = "", name = "", version = "", built } = groups;
    return built === platform ? [{ sha256, name, version }] : [];
  });
}

export interface SignedFile {
  /** Absolute; SHA256SUMS and SHA256SUMS.sig are beside it. */
  readonly file: string;
  readonly sha256: string;
  /** The file with the keys that may sign. */
  readonly keys: string;
}

/**
 * A tarball of a release that is on a disk here.
 * @throws Failure `release.not_beside` (2), `release.bad_signature`, `release.not_listed`, `release.hash_mismatch`,
 *   `release.no_ssh_keygen` (6); AbortError
 */
export async function requireSigned(
  { host, signal }: Omit<ReleaseSource, "base">,
  { file, sha256, keys }: SignedFile,
): Promise<void> {
  const folder = path.dirname(file);
  const [sums, signature] = await Promise.all(
    ["SHA256SUMS", "SHA256SUMS.sig"].map(async (name) => {
      const read = await readNamedFile(host, path.join(folder, name), maxBytes).catch(() => null);
      if (read === null || "problem" in read) throw failure("release.not_beside", { file, name });
      return read.bytes.toString("utf8");
    }),
  );
  await verifySignature(
    { host, signal, base: folder },
    { keys, sums: sums ?? "", signature: signature ?? "" },
  );
  const name = path.basename(file);
  const platform = /-(linux-\w+)\.tar\.[xg]z$/u.exec(name)?.[1] ?? "";
  const signed = tarballsOf(sums ?? "", platform).find((tarball) => tarball.name === name);
  if (signed === undefined) throw failure("release.not_listed", { file });
  if (signed.sha256 !== sha256) {
    throw failure("release.hash_mismatch", { name, sha256: signed.sha256 });
  }
}

/** @throws Failure `release.bad_signature`, `release.no_ssh_keygen` (6): nothing goes past either */
async function verifySignature(
  { host, base, signal }: ReleaseSource,
  { keys, sums, signature }: { keys: string; sums: string; signature: string },
): Promise<void> {
  const folder = await makeTemporary(host, path.dirname(keys));
  try {
    const file = path.join(folder, "SHA256SUMS.sig");
    await host.files.writeFile(file, signature);
    const identity = ["-I", "release@heros", "-n", "heros-release"];
    const { exitCode, missing, stderr } = await host.processes.run({
      command: "ssh-keygen",
      args: ["-Y", "verify", "-f", keys, ...identity, "-s", file],
      input: sums,
      timeoutMs: 30_000,
      signal,
    });
    if (missing) throw failure("release.no_ssh_keygen");
    if (exitCode !== 0) throw failure("release.bad_signature", { base }, stderr);
  } finally {
    await host.files.rm(folder, { recursive: true, force: true });
  }
}

/** In TMPDIR or /tmp; a machine where neither is of use can keep it where heros is. @throws Failure `release.not_writable` (4) */
async function makeTemporary({ env, files }: ReleaseSource["host"], own: string): Promise<string> {
  let errno = "ENOENT";
  for (const place of [env["TMPDIR"] ?? "", "/tmp", own].filter(path.isAbsolute)) {
    try {
      return await files.mkdtemp(path.join(place, "heros-signature-"));
    } catch (error) {
      errno = errorCode(error) ?? errno;
    }
  }
  throw failure("release.not_writable", { folder: own, errno });
}

/** Whether tar can unpack what xz packed: it starts that program. */
async function findXz({ host }: ReleaseSource): Promise<boolean> {
  return (await findOnPath(host, "xz")) !== null;
}

/** A short text, asked for again for a while where the network does not give it. */
async function readSmall(source: ReleaseSource, url: string): Promise<string> {
  const { host, base: endpoint, signal } = source;
  const ask = createAskAgain(host, undefined);
  try {
    return await ask(
      async () => {
        const options = { url, signal, timeLimitMs: 30_000, redirects: "all" } as const;
        const { response } = await askHub(sessionOf(source), options);
        if (response.status !== 200) {
          abandon(response);
          throw refusal(url, response.status);
        }
        return await readText(response, { endpoint, maxBytes });
      },
      { signal, forMs: patienceMs },
    );
  } catch (error) {
    signal.throwIfAborted();
    throw releaseFailure(error, endpoint);
  }
}

export function refusal(url: string, status: number): Failure {
  return status === 404 || status === 410
    ? failure("release.not_found", { url })
    : failure("release.unreachable", { base: url, reason: `status ${status}` });
}

/** What a request ended with, in words about releases; bugs are passed through. */
export function releaseFailure(error: unknown, base: string): unknown {
  if (error instanceof Failure) {
    if (!error.code.startsWith("hub.")) return error;
    const reason =
      error.code === "hub.redirect_loop"
        ? "it redirects in circles"
        : "something else answers there, or it redirects to an unsafe address";
    return failure("release.unreachable", { base, reason }, error);
  }
  if (isTlsError(error)) {
    return failure(
      "release.unreachable",
      { base, reason: "its certificate is not trusted" },
      error,
    );
  }
  const transient = transientErrorOf(error);
  if (transient === null) return error;
  const reason = transient.message.replace("the Hub", "the server");
  return failure("release.unreachable", { base, reason }, error);
}
