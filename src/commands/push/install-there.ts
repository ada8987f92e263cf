import { Readable } from "node:stream";
import { failure } from "../../run/failures/table.ts";
import { formatBytes } from "../../run/units.ts";
import type { Connection } from "../../ssh/connection.ts";
import type { FarMachine } from "../../ssh/far-machine.ts";
import type { Work } from "../command-request.ts";
import { createPushProgress } from "../models/push-progress.ts";
import { runHeros } from "./run-heros.ts";
import type { SentRelease } from "./release-to-send.ts";

export interface InstallThere {
  readonly connection: Connection;
  readonly machine: FarMachine;
  readonly release: SentRelease;
}

/** What a release unpacks to, and more: install.sh asks for as much. */
export const neededBytes = 200_000_000;

/** Where a release is on its way in: install.sh's own folder, which uninstalling removes. */
const partOf = (install: string, sha256: string): string => `${install}/push-${sha256}.part`;

/** @throws Failure `push.no_space` (exit 7) */
export function requireRoom(host: string, { data, install, freeBytes }: FarMachine): void {
  for (const [folder, free] of [
    [install, freeBytes.install],
    [data, freeBytes.data],
  ] as const) {
    if (free !== null && free < neededBytes) {
      throw failure("push.no_space", { host, folder, neededBytes, freeBytes: free });
    }
  }
}

/**
 * Sends a release and has it install itself, as install.sh does once it has verified one. What arrived of it before is not sent again, and
 * nothing is unpacked before its hash is right.
 * @throws Failure `push.not_received` (6), `push.disk_full` (7), `push.lost` (5), and what `heros release install` ends with there; AbortError
 */
export async function installThere(work: Work, request: InstallThere): Promise<void> {
  const { emit, signal } = work;
  const { connection, machine, release } = request;
  await send(work, request);
  const { host } = connection.address;
  const message = `heros ${release.version} arrived on ${host} and is verified. Installing it.`;
  emit({ type: "notice", level: "info", code: "push.received", message });
  const values = {
    install: machine.install,
    part: partOf(machine.install, release.sha256),
    packing: release.packing === "xz" ? "-J" : "-z",
  };
  const program = '"$tree/bin/heros" release install --json';
  try {
    await runHeros(work, { connection, before: unpackScript, program, words: [], values });
    await connection.run({ script: removeScript, values, signal });
  } catch (error) {
    // Whoever is cut off here begins with this next time.
    if (!signal.aborted) {
      await connection.run({ script: 'rm -rf "$install/push"', values, signal }).catch(() => {});
    }
    throw error;
  }
}

/** Statuses of the scripts, which no command of theirs ends with. */
const statuses = { moved: 91, full: 92, partly: 93, different: 94 } as const;

const sizeScript = '[ -f "$part" ] && wc -c <"$part" || echo 0';

/** Bytes are added to those that are there. Only when all are is their hash taken. */
const receiveScript = `
umask 077;
mkdir -p "$install" || exit ${statuses.full};
have=0; [ -f "$part" ] && have=$(wc -c <"$part");
[ "$have" -eq $from ] || exit ${statuses.moved};
cat >>"$part" || exit ${statuses.full};
[ "$(wc -c <"$part")" -eq $size ] || exit ${statuses.partly};
[ "$(sha256sum <"$part" | cut -c 1-64)" = $sha256 ] || { rm -f "$part"; exit ${statuses.different}; }
`;

/** One folder is in it. Nobody else may write to what comes of it, whatever the umask is there. */
const unpackScript = `
umask 022;
rm -rf "$install/push" && mkdir -p "$install/push" &&
tar -x $packing -f "$part" -C "$install/push" --no-same-owner --no-same-permissions || exit ${statuses.full};
for tree in "$install"/push/*; do :; done;
`;

/** Folders that were made for it go where nothing else is in them. */
const removeScript = `
rm -rf "$install/push"; rm -f "$install"/push-*.part;
rmdir "$install" "\${install%/*}" 2>/dev/null;
:
`;

async function send(
  { host: own, emit, signal }: Work,
  { connection, machine, release }: InstallThere,
): Promise<void> {
  const { host } = connection.address;
  const { file, sizeBytes, sha256, version } = release;
  const values = { install: machine.install, part: partOf(machine.install, sha256) };
  const asked = await connection.run({ script: sizeScript, values, signal });
  const found = Number(/^\s*(\d+)\s*$/u.exec(asked.stdout)?.[1] ?? 0);
  const from = found <= sizeBytes ? found : 0;
  if (found > sizeBytes) await connection.run({ script: 'rm -f "$part"', values, signal });
  if (from > 0) {
    const message = `${formatBytes(from)} of heros ${version} arrived on ${host} before, and are not sent again.`;
    emit({ type: "notice", level: "info", code: "push.resumed", message });
  }
  const id = `heros ${version}`;
  const label = { id, title: id, tier: 1 };
  const progress = createPushProgress({ host: own, emit }, [
    { label, totalBytes: sizeBytes - from },
  ]);
  await using opened = await own.files.open(file, "r");
  async function* pieces(): AsyncGenerator<Buffer> {
    if (from === sizeBytes) return;
    const options = { start: from, autoClose: false, highWaterMark: 256 * 1024 };
    for await (const piece of opened.createReadStream(options)) {
      const bytes = piece as Buffer;
      yield bytes;
      progress.sent(id, bytes.length);
    }
  }
  const { exitCode, stderr } = await connection.run({
    script: receiveScript,
    values: { ...values, from: String(from), size: String(sizeBytes), sha256 },
    input: Readable.from(pieces(), { objectMode: false }),
    signal,
  });
  progress.done(id);
  progress.end();
  switch (exitCode) {
    case 0:
      return;
    case statuses.different:
      throw failure("push.not_received", { host, sha256 }, stderr);
    case statuses.full:
      throw failure("push.disk_full", { host, folder: machine.install }, stderr);
    case statuses.partly:
      throw failure("push.lost", { host, said: null }, stderr);
    default: {
      const [said = ""] = stderr.trim().split("\n");
      const words = exitCode === statuses.moved ? "another push writes there" : said.slice(0, 300);
      throw failure("push.failed_there", { host, what: "Sending heros", said: words });
    }
  }
}
