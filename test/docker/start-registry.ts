import { type ChildProcess, spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";

interface RegistryOptions {
  /** Holds its configuration, and what is pushed to it. */
  readonly folder: string;
  /** Host and port. */
  readonly address: string;
  /** Of its configuration, beside the usual. */
  readonly more?: string;
}

/** Debian's registry, once it listens. */
export async function startRegistry({
  folder,
  address,
  more = "",
}: RegistryOptions): Promise<ChildProcess> {
  const config = path.join(folder, "config.yml");
  await writeFile(
    config,
    `version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: ${folder}/registry}}
http: {addr: "${address}"}
${more}`,
  );
  const child = spawn("docker-registry", ["serve", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  for await (const line of createInterface({ input: child.stderr })) {
    if (line.includes("listening on")) break;
  }
  child.stderr.resume();
  return child;
}
