import { herOs } from "../her-os.ts";
import { chmod, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { HerosEvent } from "../../src/run/event.ts";
import type { StackAddress } from "../../src/deploy/compose/core-service.ts";
import { startStack } from "../../src/deploy/compose/start.ts";
import { temporaryFolder, testHost } from "../deploy/compose/fixtures.ts";

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

export interface Started {
  readonly error: unknown;
  /** Where Annie answers, if the stack started. */
  readonly address: StackAddress | null;
  readonly events: readonly HerosEvent[];
  readonly calls: readonly string[];
}

/** Starts a stack with a `docker` whose `compose up` is the given script. */
export async function start(
  up: string,
  more = "",
  env: Readonly<Record<string, string>> = {},
  change: { readonly cacheDir?: string } = {},
): Promise<Started> {
  const docker = await fakeDocker(`
${more}
case "$*" in
*" version --short") echo v2.26.1-4 ;;
*" up -d")
${up}
;;
*" config --format json") echo '{"services":{"her-os-core":{"image":"core:1","depends_on":{"postgres":{}}},"postgres":{"image":"pg:1"},"kokoro":{"image":"k:1"}}}' ;;
*" ps "*) ;;
*" logs "*) echo "the last words" ;;
*) echo "unexpected: $*" >&2; exit 99 ;;
esac`);
  const events: HerosEvent[] = [];
  let address: StackAddress | null = null;
  const error: unknown = await startStack({
    host: testHost({ PATH: `${docker.bin}:/usr/bin:/bin`, ...env }),
    stack: herOs.stack,
    stackDir: await temporaryFolder(),
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    ...change,
  }).then(
    (found) => {
      address = found;
      return null;
    },
    (thrown: unknown) => thrown,
  );
  return { error, address, events, calls: await docker.calls() };
}

/** The end of a command that fails with these words. */
export const fails = (stderr: string) => `cat >&2 <<'WORDS'\n${stderr}\nWORDS\nexit 1`;
