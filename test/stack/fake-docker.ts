import { chmod, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { temporaryFolder } from "./fixtures.ts";

export interface FakeDocker {
  /** Folder that holds the `docker` executable; to be first in PATH. */
  readonly bin: string;
  /** Arguments of each call so far. */
  calls(): Promise<readonly string[]>;
}

/** A `docker` that does what a piece of shell script says; `$*` holds its arguments. */
export async function fakeDocker(script: string): Promise<FakeDocker> {
  const bin = await temporaryFolder();
  const log = path.join(bin, "calls");
  await writeFile(log, "");
  await writeFile(
    path.join(bin, "docker"),
    `#!/bin/sh\necho "$*" >>'${log}'\nlog='${log}'\n${script}\n`,
  );
  await chmod(path.join(bin, "docker"), 0o755);
  return {
    bin,
    async calls() {
      return (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    },
  };
}
