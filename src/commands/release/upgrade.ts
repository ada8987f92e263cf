import path from "node:path";
import { z } from "zod";
import { isThere } from "../../host/places.ts";
import type { Host } from "../../host/host.ts";
import { listRunning } from "../../record/find-running.ts";
import { rollBack, proveStarts, reasonIn } from "../../release/install.ts";
import {
  dataOfTree,
  linkedId,
  runningFrom,
  versionFolder,
  withLock,
} from "../../release/installation.ts";
import { findLauncher } from "../../release/launcher.ts";
import { findTarball, type ReleaseSource, type Tarball } from "../../release/signed-sums.ts";
import {
  changelogOf,
  channelOf,
  isFromNpm,
  platformOf,
  programOf,
  readChanges,
  readVersion,
  type ReleaseTree,
  treeOfApp,
} from "../../release/tree.ts";
import { exitCodes, Failure } from "../../run/failure.ts";
import { compareVersions } from "../../run/version.ts";
import { failure } from "../../run/failures/table.ts";
import { parseJson } from "../../run/json.ts";
import type { Work } from "../command-request.ts";

export interface UpgradeRequest {
  /** Absolute: the folder that holds the program's package.json. */
  readonly appDir: string;
  /** This one, older or newer; null for what the channel has. */
  readonly version: string | null;
  /** Null for that of the installed version. */
  readonly channel: "stable" | "beta" | null;
  /** Only look. */
  readonly check: boolean;
}

/** The installed version that runs. */
interface Current {
  /** Of its tree. */
  readonly folder: string;
  readonly data: string;
  readonly version: string;
}

/**
 * `heros upgrade [--version V] [--channel stable|beta] [--check]`: the signed sums, then the tarball, which must have the hash that
 * they name. Once what is in it has proved that it starts, its own `release install` switches to it.
 * @throws Failure `release.…` (1, 2, 4, 5, 6), `disk.…` (7); AbortError, and what was downloaded is kept
 */
export async function performUpgrade(
  work: Work,
  { appDir, version, channel, check }: UpgradeRequest,
): Promise<readonly string[]> {
  const { host, emit, signal } = work;
  const current = await findCurrent(host, appDir);
  const { folder, data } = current;
  const keys = path.join(folder, "release-keys");
  const source: ReleaseSource = { host, signal, base: await baseOf(host, current, keys) };
  const own = await channelOf(host, folder, current.version);
  const wanted = { version, channel: channel ?? (own === "beta" ? "beta" : "stable") } as const;
  const tarball = await findTarball(source, { wanted, keys, platform: platformOf(host) });
  const { version: latest } = tarball;
  emit({ type: "upgrade.checked", current: current.version, latest });

  const order = compareVersions(latest, current.version);
  if (latest === current.version) {
    return [version === null ? "It is the newest version." : nothingChanged];
  }
  const flags = [
    ...(version === null ? [] : [`--version ${version}`]),
    ...(channel === null ? [] : [`--channel ${channel}`]),
  ];
  const installable = order > 0 || version !== null;
  if (check)
    return [
      installable ? `To install it: ${["heros upgrade", ...flags].join(" ")}` : nothingChanged,
    ];
  if (!installable) throw failure("release.older", { current: current.version, latest });
  const lock = path.join(data, "upgrade.lock");
  return withLock({ host, emit, signal }, lock, async () => {
    // Another upgrade may have come first, which this one has waited for.
    if ((await readLinked(host, data)) === latest) {
      return [`heros ${latest} is already installed.`, nothingChanged];
    }
    await bringIn(work, { source, tarball, current });
    const changelog = changelogOf(path.join(data, "current"));
    const hasChanges = await isThere(host, changelog);
    return [
      order > 0
        ? `Upgraded heros ${current.version} to ${latest}.`
        : `Went back from heros ${current.version} to ${latest}.`,
      "Your answers, the models and the stack are unchanged.",
      ...(await backgroundLines(host, data)),
      ...(hasChanges ? [`All changes: ${changelog}`] : []),
      `To ${order > 0 ? "go back" : "undo this"}: heros upgrade --rollback`,
    ];
  });
}

const nothingChanged = "Nothing was changed.";

/** The version that is linked as the current one. */
async function readLinked(host: Host, data: string): Promise<string | null> {
  const id = await linkedId(host, data, "current");
  return id === null ? null : readVersion(host, versionFolder(data, id));
}

async function findCurrent(host: Host, appDir: string): Promise<Current> {
  const folder = await treeOfApp(host, appDir);
  if (folder === null) {
    const code = isFromNpm(appDir) ? "release.from_npm" : "release.from_checkout";
    throw failure(code, { folder: appDir });
  }
  const data = await dataOfTree(host, folder);
  if (data === null) throw failure("release.not_installed", { folder });
  return { folder, data, version: await readVersion(host, folder) };
}

/** Where a tree's releases are. @throws Failure `release.from_checkout`, `release.bad_base` (2) */
export async function baseOf(
  host: Host,
  { folder }: Pick<Current, "folder">,
  keys: string,
): Promise<string> {
  const read = (file: string): Promise<string> =>
    host.files.readFile(file, "utf8").then(
      (text) => text.trim(),
      () => "",
    );
  const given = host.env["HEROS_BASE_URL"] ?? "";
  const base = given === "" ? await read(path.join(folder, "release-base")) : given;
  if (base === "" || (await read(keys)) === "") throw failure("release.from_checkout", { folder });
  const url = URL.parse(base);
  const isSafe =
    url?.protocol === "https:" ||
    (url?.protocol === "http:" && ["127.0.0.1", "localhost"].includes(url.hostname));
  if (url === null || !isSafe) throw failure("release.bad_base", { base });
  return url.href.replace(/\/+$/u, "");
}

interface BringIn {
  readonly source: ReleaseSource;
  readonly tarball: Tarball;
  readonly current: Current;
}

/**
 * From the network to the installed version. What is left of a download stays for the next time; that of another release goes, and
 * that of one which is no good.
 */
async function bringIn(work: Work, { source, tarball, current }: BringIn): Promise<void> {
  const { host, emit, signal } = work;
  // Most upgrades find nothing to do, and need no engine.
  const [{ fetchTarball }, { unpack }] = await Promise.all([
    import("../../release/fetch-tarball.ts"),
    import("../../release/fetch-tarball.ts"),
  ]);
  const downloads = path.join(current.data, "downloads");
  // By its hash: a release that is published again under its old name is another download.
  const own = tarball.sha256.slice(0, 16);
  for (const other of await host.files.readdir(downloads).catch(() => [])) {
    if (other === own) continue;
    await host.files.rm(path.join(downloads, other), { recursive: true, force: true });
  }
  const folder = path.join(downloads, own);
  const into = path.join(folder, "unpacked");
  const { version } = tarball;
  let isDone = false;
  try {
    const file = await fetchTarball({ ...source, host, emit, folder }, tarball);
    const message = `heros ${version} is downloaded and verified. Unpacking it and checking that it starts.`;
    emit({ type: "notice", level: "info", code: "release.verified", message });
    const platform = platformOf(host);
    const tree = await unpack({ host, signal, file, version, platform, into });
    await tellChanges(work, { from: current.version, tree });
    // By this heros: what the new one says of itself is only as good as it is.
    await proveStarts({ host, signal, ...tree });
    await runInstall(work, tree, current.data);
    isDone = true;
  } catch (error) {
    isDone = error instanceof Failure && isOfRelease(error);
    throw error;
  } finally {
    await host.files.rm(isDone ? downloads : into, { recursive: true, force: true });
  }
}

/** Whether downloading the rest of it later would change nothing. */
function isOfRelease({ code, exitCode }: Failure): boolean {
  return code === "release.broken" || exitCode === exitCodes.hash;
}

/** What is new, before it is installed. Older versions are named by a person who knows why. */
async function tellChanges(
  { host, emit }: Work,
  { from, tree }: { readonly from: string; readonly tree: ReleaseTree },
): Promise<void> {
  const { version: to, folder } = tree;
  const { lines, omitted } = await readChanges(host, folder, { from, to });
  if (lines.length > 0) emit({ type: "upgrade.changes", from, to, lines, omitted });
}

const closing = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("run.succeeded") }),
  z.looseObject({
    type: z.literal("run.failed"),
    code: z.string(),
    message: z.string(),
    hint: z.string(),
    exitCode: z.literal(Object.values(exitCodes)),
  }),
]);

const notice = z.looseObject({
  type: z.literal("notice"),
  level: z.enum(["info", "warning"]),
  code: z.string(),
  message: z.string(),
});

/** It starts a few programs, and waits a minute for another installation. */
const installLimitMs = 300_000;

/** Has the new version install itself, into the same places. @throws Failure, as it says, or `release.broken` (1) */
async function runInstall(
  { host, emit, signal }: Work,
  { folder, version }: ReleaseTree,
  data: string,
): Promise<void> {
  const { command, args } = programOf(folder);
  const place = await placeArguments(host, data);
  const { stdout, stderr, timedOut } = await host.processes.run({
    command,
    args: [...args, "release", "install", "--json", ...place.args],
    env: place.env,
    signal,
    timeoutMs: installLimitMs,
    onLine(line, stream) {
      const said = stream === "stdout" ? notice.safeParse(parseJson(line)).data : undefined;
      if (said === undefined) return;
      const { type, level, code, message } = said;
      emit({ type, level, code, message });
    },
  });
  const { data: end } = closing.safeParse(parseJson(stdout.trim().split("\n").at(-1) ?? ""));
  if (end?.type === "run.succeeded") return;
  if (end?.type === "run.failed") throw new Failure(end);
  const why = timedOut
    ? `it did not install itself within ${installLimitMs / 60_000} minutes`
    : reasonIn(stderr) || "it exited without an error message";
  throw failure("release.broken", { version, why });
}

/** How `release install` is told where this installation is: by the prefix where the launcher is below it, else as XDG has it. */
async function placeArguments(
  host: Host,
  data: string,
): Promise<{ readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> }> {
  const prefix = path.resolve(data, "../..");
  return (await findLauncher(host, data)) === path.join(prefix, "bin/heros")
    ? { args: ["--prefix", prefix], env: {} }
    : { args: [], env: { XDG_DATA_HOME: path.dirname(data) } };
}

/** What runs in the background goes on with the version that it was started with, whose folder stays until then. */
async function backgroundLines(host: Host, data: string): Promise<string[]> {
  const running = await listRunning(host);
  if (running.length === 0) return [];
  const users = await runningFrom(host, path.join(data, "versions"));
  const lines = await Promise.all(
    running.map(async ({ command, pid }) => {
      const [id] = [...users].find(([, pids]) => pids.includes(pid)) ?? [];
      const own = id === undefined ? null : await readVersion(host, versionFolder(data, id));
      const by = own === null ? "" : ` with heros ${own}`;
      return `heros ${command} continues in the background${by} (PID ${pid}).`;
    }),
  );
  return [...lines, "To follow it: heros status --watch"];
}

/** `heros upgrade --rollback`: back to the version that was installed before. */
export async function performRollback(
  { host, emit, signal }: Work,
  { appDir }: { readonly appDir: string },
): Promise<readonly string[]> {
  const { data } = await findCurrent(host, appDir);
  const { from, to } = await rollBack({ host, emit, signal }, data);
  return [
    `Went back from heros ${from} to ${to}.`,
    ...(await backgroundLines(host, data)),
    "To undo this: heros upgrade --rollback",
  ];
}
