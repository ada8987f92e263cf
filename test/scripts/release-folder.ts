import { execFileSync } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

/** A stand-in for Node, which takes seconds to pack. */
const standIn = "#!/bin/sh\necho v24.21.0\n";

/** A folder with what a release is made from: a Node, the key that signs, and the next one. */
export async function makeReleaseFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-release-test-"));
  await writeFile(path.join(folder, "node"), standIn, { mode: 0o755 });
  for (const key of ["current", "next"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path.join(folder, key)]);
  }
  return folder;
}

/** What release.ts is told; then where it writes. */
export function releaseArgs(folder: string): string[] {
  const args = ["--platform", "linux-arm64", "--node-file", path.join(folder, "node")];
  args.push("--key", path.join(folder, "current"), "--next-key", path.join(folder, "next.pub"));
  return [...args, "--base-url", "http://127.0.0.1:8080/", "--out"];
}
