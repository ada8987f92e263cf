import { execFileSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Whom root's tests run heros as; null where an ordinary user runs them. */
const user = process.getuid?.() === 0 ? 65534 : null;

/** The words of a command, as that user runs it. */
export function asUser(command: readonly string[]): readonly [string, ...string[]] {
  if (user === null) return ["/usr/bin/env", ...command];
  const ids = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  return ["/usr/bin/setpriv", ...ids, ...command];
}

/** An empty home of that user's. */
export async function makeHome(folder: string, name: string): Promise<string> {
  const home = join(folder, name);
  await mkdir(home);
  if (user !== null) execFileSync("chown", [`${user}:${user}`, home]);
  return home;
}

/** In `bin` what this machine has but for Node and npm, and a docker that says yes; `bin-without-xz` has no xz either. */
export async function makePaths(folder: string): Promise<void> {
  const without = new Set(["node", "nodejs", "npm", "npx", "corepack", "docker"]);
  const tools = (await readdir("/usr/bin")).filter((tool) => !without.has(tool));
  for (const [name, programs] of [
    ["bin", tools],
    ["bin-without-xz", tools.filter((tool) => tool !== "xz")],
  ] as const) {
    const bin = join(folder, name);
    await mkdir(bin);
    execFileSync("ln", ["-s", ...programs.map((tool) => join("/usr/bin", tool)), bin]);
    await writeFile(join(bin, "docker"), docker, { mode: 0o755 });
  }
}

const docker = `#!/bin/sh
case "$*" in
  *version*) echo 2.40.0 ;;
  info*) echo '{"ServerVersion":"29.0.0","DockerRootDir":"/var/lib/docker"}' ;;
esac
`;
