import path from "node:path";
import { diskFailure } from "../run/file-failure.ts";
import type { Host } from "../host/host.ts";
import { failure } from "../run/failures/table.ts";
import { readTree, type ReleaseTree } from "./tree.ts";

export interface UnpackRequest {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** A verified tarball, `.tar.xz` or `.tar.gz`. */
  readonly file: string;
  readonly version: string;
  readonly platform: string;
  /** Emptied first. */
  readonly into: string;
}

/**
 * Unpacks a release. Only plain files and folders below its own folder may be in it: an absolute name, `..`, a link of any kind or
 * a device, and nothing is unpacked.
 * @throws Failure `release.bad_archive` (6), `disk.full` (7); AbortError
 */
export async function unpack(request: UnpackRequest): Promise<ReleaseTree> {
  const { host, signal, file, version, platform, into } = request;
  const top = `heros-${version}-${platform}`;
  const packing = file.endsWith(".xz") ? "-J" : "-z";
  const name = path.basename(file);
  const listed = await host.processes.run({
    command: "tar",
    args: ["-t", "-v", packing, "-f", file],
    env: { LC_ALL: "C" },
    signal,
  });
  if (listed.exitCode !== 0)
    throw failure("release.bad_archive", { name, why: "tar can't read it" });
  const strange = listed.stdout.split("\n").find((line) => line !== "" && !isExpected(line, top));
  if (strange !== undefined) {
    throw failure("release.bad_archive", {
      name,
      why: `it holds what no release holds: ${strange}`,
    });
  }

  await host.files.rm(into, { recursive: true, force: true });
  await host.files.mkdir(into, { recursive: true, mode: 0o755 });
  const keep = ["--no-same-owner", "--no-same-permissions"];
  // Whatever the user's umask is: nobody else may write to a program.
  const script = 'umask 022 && exec tar "$@"';
  const ran = await host.processes.run({
    command: "sh",
    args: ["-c", script, "sh", "-x", packing, "-f", file, "-C", into, ...keep],
    env: { LC_ALL: "C" },
    signal,
  });
  if (ran.exitCode !== 0) {
    if (/No space left|quota exceeded/iu.test(ran.stderr)) {
      const full = Object.assign(new Error(ran.stderr), { code: "ENOSPC", path: into });
      throw diskFailure(full) ?? full;
    }
    throw failure("release.bad_archive", { name, why: "tar can't unpack it" });
  }
  const tree = await readTree(host, path.join(into, top));
  if (tree.version === version && tree.platform === platform) return tree;
  throw failure("release.bad_archive", { name, why: `it holds heros ${tree.version}` });
}

/** A line of `tar -tv`: a plain file or a folder, in the release's own folder, with a name that needs no second look. */
export function isExpected(line: string, top: string): boolean {
  const groups = /^(?<kind>[-d])[-rwxsStT]{9}\S* +\S+ +\d+ +\S+ +\S+ (?<name>.+)$/u.exec(
    line,
  )?.groups;
  const name = groups?.["name"] ?? "";
  const segments = name.replace(/\/$/u, "").split("/");
  return (
    segments[0] === top &&
    segments.every((segment) => /^[\w@+~,=.-]+$/u.test(segment) && !/^\.{1,2}$/u.test(segment))
  );
}
