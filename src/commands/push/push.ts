import path from "node:path";
import type { TimedEvent } from "../../run/event.ts";
import { failure } from "../../run/failures/table.ts";
import { quoted } from "../../run/shell-quote.ts";
import { formatBytes } from "../../run/units.ts";
import { addressWords, parseSshAddress } from "../../ssh/address.ts";
import { connect, type Connection } from "../../ssh/connection.ts";
import { type FarMachine, probe } from "../../ssh/far-machine.ts";
import type { Work } from "../command-request.ts";
import { type GatheredSettings, settingsFor } from "../gather-settings.ts";
import type { ModelChoice } from "../pull.ts";
import { type Kept, recallKept } from "../remembered-answers.ts";
import { filesToHand } from "./answers-there.ts";
import { installThere, requireRoom } from "./install-there.ts";
import { modelsToSend, type SentModels } from "./models-to-send.ts";
import { putFiles } from "./put-files.ts";
import { releaseToSend, type SentRelease } from "./release-to-send.ts";
import { runHeros } from "./run-heros.ts";
import { type ServedThere, serveThere } from "./serve-there.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export interface PushRequest {
  readonly settings: GatheredSettings;
  /** Absolute: the folder that holds the program's package.json. */
  readonly appDir: string;
  /** As typed. */
  readonly address: string;
  readonly choice: ModelChoice;
  readonly release: string | null;
  readonly overwrite: boolean;
  readonly setUp: boolean;
  readonly dryRun: boolean;
  /** ssh may ask somebody. */
  readonly interactive: boolean;
}

/** What is known once the machine has been looked at. */
interface Pushed extends Omit<PushRequest, "settings"> {
  readonly settings: GatheredSettings;
  readonly kept: Kept | null;
  readonly connection: Connection;
  readonly machine: FarMachine;
  readonly models: SentModels;
}

/**
 * `heros push USER@HOST [MODEL…]`: looks at the machine, then brings heros, the catalog, the answers, and models there. What is there
 * is not sent again.
 * @returns the sentences of the closing page
 * @throws Failure `push.…`, and as heros ends there; AbortError
 */
export async function performPush(work: Work, request: PushRequest): Promise<readonly string[]> {
  const { host, emit, signal } = work;
  const address = parseSshAddress(request.address);
  const { settings, kept } = await stackOf(work, request.settings);
  // What is wrong with the names of models is told before anybody is asked for a password.
  const models = await modelsToSend(work, { settings, kept, choice: request.choice });
  await using folder = await temporaryFolder(host);
  const connection = await connect({
    host,
    address,
    interactive: request.interactive,
    signal,
    onSaid: (message) => emit({ type: "notice", level: "info", code: "push.ssh_said", message }),
  });
  try {
    const machine = await look(work, connection);
    const pushed: Pushed = { ...request, settings, kept, connection, machine, models };
    const own = { appDir: request.appDir, folder: folder.path };
    const named = { release: request.release, machine, host: address.host };
    const sent = await releaseToSend(work, { ...own, ...named });
    requireSpace(pushed, sent);
    if (request.dryRun) return planned(pushed, sent);
    await using served = models.models.length === 0 ? null : await serve(work, pushed);
    await bringHeros(work, pushed, sent);
    const stackFlags = await handAnswers(work, pushed);
    const words = served === null ? [] : await bringModels(work, pushed, { served, stackFlags });
    return [...words, ...(await finish(work, pushed, stackFlags))];
  } finally {
    await connection.close();
  }
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

async function look({ emit, signal }: Work, connection: Connection): Promise<FarMachine> {
  const machine = await probe(connection, signal);
  const { freeBytes, name, platform, docker, heros } = machine;
  emit({
    type: "remote.checked",
    address: connection.address.typed,
    name,
    platform,
    freeBytes: freeBytes.hubCache,
    docker,
    heros: heros?.version ?? null,
  });
  return machine;
}

/** What is there already, only heros there can tell; where nothing is, all of it must fit. @throws Failure `push.no_space` (exit 7) */
function requireSpace({ connection, machine, models, kept }: Pushed, sent: SentRelease | null) {
  const { host } = connection.address;
  if (sent !== null) requireRoom(host, machine);
  const [storage = "hub-cache"] = kept?.answers.storage ?? [];
  const free = machine.freeBytes.hubCache;
  if (storage !== "hub-cache" || machine.hasHubCache || free === null) return;
  if (free >= models.totalBytes) return;
  const needed = { neededBytes: models.totalBytes, freeBytes: free };
  throw failure("push.no_space", { host, folder: machine.hubCache, ...needed });
}

function serve(work: Work, { connection, models }: Pushed): Promise<ServedThere> {
  const { cacheDir, stateDir } = models.settings;
  return serveThere(work, { connection, cacheDir, stateDir });
}

async function bringHeros(work: Work, pushed: Pushed, sent: SentRelease | null): Promise<void> {
  const { connection, machine } = pushed;
  if (sent !== null) {
    await installThere(work, { connection, machine, release: sent });
    if (sent.kept !== undefined) await work.host.files.rm(sent.kept, { recursive: true });
  }
  work.emit({
    type: "remote.installed",
    address: connection.address.typed,
    version: sent?.version ?? machine.heros?.version ?? "",
    action: sent === null ? "unchanged" : "installed",
  });
}

/** @returns flags that mean the same stack there */
async function handAnswers(work: Work, pushed: Pushed): Promise<readonly string[]> {
  const { host, emit } = work;
  const { connection, overwrite, settings, kept, machine } = pushed;
  const { catalog, stackDir, given } = settings;
  const { files, stackFlags, left } = await filesToHand({
    host,
    machine,
    catalog: given.catalog ?? null,
    base: catalog.stack.base,
    stackDir,
    usualStackDir: path.join(host.home, catalog.stack.id),
    kept,
  });
  for (const message of left) {
    emit({ type: "notice", level: "warning", code: "push.left_out", message });
  }
  const stayed = await putFiles(work, { connection, files, overwrite });
  if (stayed.length > 0) {
    const names = stayed.map((file) => file.path).join(", ");
    const message = `${connection.address.host} keeps its own ${names}.`;
    const hint = "To replace what an earlier setup there left: heros push --overwrite";
    emit({ type: "notice", level: "info", code: "push.kept", message, hint });
  }
  return stackFlags;
}

/** As sh there reads it: whatever its PATH is, and wherever the launcher is. */
const installed = '"$data/current/bin/heros"';

const toldOfPull = /^(?:download|image|file|model|stage|hub|registry)\.|^notice$/u;

/** Has heros there, even if it is told to stay offline, download them from here: what is there stays, what was begun continues, and all is verified. */
async function bringModels(
  work: Work,
  { connection, machine, models, settings }: Pushed,
  { served, stackFlags }: { readonly served: ServedThere; readonly stackFlags: readonly string[] },
): Promise<readonly string[]> {
  const { limitRate } = settings.given;
  const limit = limitRate === undefined ? [] : ["--limit-rate", limitRate];
  const names = models.models.map(({ id }) => id);
  const words = await runHeros(work, {
    connection,
    program: `HF_HUB_OFFLINE=0 ${installed} pull --json`,
    words: ["--endpoint", served.endpoint, ...stackFlags, ...limit, "--", ...names],
    values: { data: machine.data },
    secrets: { HF_TOKEN: served.token },
    tells: ({ type }: TimedEvent) => toldOfPull.test(type),
  });
  const { host } = connection.address;
  return words.map((sentence) => `On ${host}: ${sentence}`);
}

/** From the home folder, in which ssh begins. */
const launcher = ".local/bin/heros";

async function finish(
  work: Work,
  { connection, setUp, machine }: Pushed,
  stackFlags: readonly string[],
): Promise<readonly string[]> {
  const { address } = connection;
  if (setUp) {
    return runHeros(work, {
      connection,
      program: `${installed} setup --yes --json`,
      words: stackFlags,
      values: { data: machine.data },
      tells: () => true,
    });
  }
  const command = [launcher, "setup", ...stackFlags].map(quoted).join(" ");
  return [
    `${address.host} is ready to be set up.`,
    `Next: ssh -t ${addressWords(address)} ${command}`,
  ];
}

function planned({ connection, models }: Pushed, sent: SentRelease | null): readonly string[] {
  const { host } = connection.address;
  return [
    sent === null
      ? `heros is installed on ${host} already.`
      : `Would send heros ${sent.version} to ${host} (${formatBytes(sent.sizeBytes)}) and install it.`,
    ...models.models.map(
      ({ title, totalBytes }) => `Would send ${title} (${formatBytes(totalBytes)})`,
    ),
  ];
}
