import path from "node:path";
import { formatBytes } from "../../run/units.ts";
import { quoted } from "../../run/shell-quote.ts";
import { addressWords, parseSshAddress } from "../../ssh/address.ts";
import { connect, type Connection } from "../../ssh/connection.ts";
import { type FarMachine, probe } from "../../ssh/far-machine.ts";
import type { Work } from "../command-request.ts";
import { type GatheredSettings, settingsFor } from "../gather-settings.ts";
import { chosenModels, type ModelChoice } from "../pull.ts";
import { type Kept, recallKept } from "../remembered-answers.ts";
import { filesToHand } from "./answers-there.ts";
import { installThere, requireRoom } from "./install-there.ts";
import { putFiles } from "./put-files.ts";
import { releaseToSend, type SentRelease } from "./release-to-send.ts";
import { runHeros } from "./run-heros.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface PushRequest {
  readonly settings: GatheredSettings;
  /** Absolute: the folder that holds the program's package.json. */
  readonly appDir: string;
  /** As typed. */
  readonly address: string;
  readonly choice: ModelChoice;
  readonly images: boolean;
  readonly release: string | null;
  readonly overwrite: boolean;
  readonly setUp: boolean;
  readonly dryRun: boolean;
  /** ssh may ask somebody. */
  readonly interactive: boolean;
}

/**
 * `heros push USER@HOST [MODEL…]`: looks at the machine, then brings heros, the catalog, the answers, and models and images there. What is there
 * is not sent again.
 * @returns the sentences of the closing page
 * @throws Failure `push.…`, and as heros ends there; AbortError
 */
export async function performPush(work: Work, request: PushRequest): Promise<readonly string[]> {
  const { host, emit, signal } = work;
  const address = parseSshAddress(request.address);
  const { settings, kept } = await stackOf(work, request.settings);
  // What is wrong with the names of models is told before anything is done.
  chosenModels(request.choice, settings);
  await using folder = await temporaryFolder(host);
  const connection = await connect({
    host,
    address,
    interactive: request.interactive,
    signal,
    onSaid: (message) => emit({ type: "notice", level: "info", code: "push.ssh_said", message }),
  });
  try {
    const machine = await probe(connection, signal);
    const { freeBytes, name, platform, docker } = machine;
    emit({
      type: "remote.checked",
      address: address.typed,
      name,
      platform,
      freeBytes: freeBytes.hubCache,
      docker,
      heros: machine.heros?.version ?? null,
    });
    const pushed = { ...request, settings, kept, connection, machine };
    const { release } = request;
    const { host: label } = address;
    const own = { appDir: request.appDir, folder: folder.path };
    const sent = await releaseToSend(work, { ...own, release, machine, host: label });
    if (sent !== null) requireRoom(label, machine);
    if (request.dryRun) return await planned(pushed, sent);
    const version = await bringHeros(work, pushed, sent);
    emit({
      type: "remote.installed",
      address: address.typed,
      version,
      action: sent === null ? "unchanged" : "installed",
    });
    const stackFlags = await handAnswers(work, pushed);
    return await finish(work, pushed, stackFlags);
  } finally {
    await connection.close();
  }
}

interface Pushed extends PushRequest {
  readonly kept: Kept | null;
  readonly connection: Connection;
  readonly machine: FarMachine;
}

/** The stack that is named, else that of the last setup here. */
async function stackOf(
  { host }: Work,
  settings: GatheredSettings,
): Promise<{ readonly settings: GatheredSettings; readonly kept: Kept | null }> {
  const { stateDir, isStackDirGiven, given } = settings;
  const isNamed = isStackDirGiven || given.catalog !== undefined;
  const kept = await recallKept(host, stateDir, isNamed ? settings.stackDir : undefined);
  if (isNamed) {
    return { settings, kept: kept?.stackDir === settings.stackDir ? kept : null };
  }
  const catalog = kept?.given.catalog;
  const own = catalog === undefined ? settings : await settingsFor(host, settings, catalog);
  return { settings: { ...own, stackDir: kept?.stackDir ?? own.stackDir }, kept };
}

async function bringHeros(work: Work, pushed: Pushed, sent: SentRelease | null): Promise<string> {
  const { connection, machine } = pushed;
  if (sent === null) return machine.heros?.version ?? "";
  await installThere(work, { connection, machine, release: sent });
  return sent.version;
}

function handedFiles({ settings, kept, machine }: Pushed, host: Work["host"]) {
  const { catalog, stackDir, given } = settings;
  return filesToHand({
    host,
    machine,
    catalog: given.catalog ?? null,
    base: catalog.stack.base,
    stackDir,
    usualStackDir: path.join(host.home, catalog.stack.id),
    kept,
  });
}

/** @returns flags that mean the same stack there */
async function handAnswers(work: Work, pushed: Pushed): Promise<readonly string[]> {
  const { emit } = work;
  const { connection, overwrite } = pushed;
  const { host } = connection.address;
  const { files, stackFlags, left } = await handedFiles(pushed, work.host);
  for (const message of left) {
    emit({ type: "notice", level: "warning", code: "push.left_out", message });
  }
  const stayed = await putFiles(work, { connection, files, overwrite });
  if (stayed.length > 0) {
    const names = stayed.map((file) => file.path).join(", ");
    const message = `${host} keeps its own ${names}.`;
    const hint = "To replace what an earlier setup there left: heros push --overwrite";
    emit({ type: "notice", level: "info", code: "push.kept", message, hint });
  }
  return stackFlags;
}

/** The launcher, from the home folder, in which ssh begins. */
const launcher = ".local/bin/heros";

async function finish(
  work: Work,
  pushed: Pushed,
  stackFlags: readonly string[],
): Promise<readonly string[]> {
  const { connection, setUp } = pushed;
  const words = addressWords(connection.address);
  if (setUp) {
    return runHeros(work, {
      connection,
      program: `"$HOME/${launcher}"`,
      words: ["setup", "--yes", "--json", ...stackFlags],
      values: {},
      tells: () => true,
    });
  }
  const command = [launcher, "setup", ...stackFlags].map(quoted).join(" ");
  return [`${connection.address.host} is ready to be set up.`, `Next: ssh -t ${words} ${command}`];
}

async function planned(pushed: Pushed, sent: SentRelease | null): Promise<readonly string[]> {
  const { host } = pushed.connection.address;
  return [
    sent === null
      ? `heros is installed on ${host} already.`
      : `Would send heros ${sent.version} to ${host} (${formatBytes(sent.sizeBytes)}) and install it.`,
  ];
}
