import path from "node:path";
import { z } from "zod";
import type { Host } from "../../host/host.ts";
import { backgroundDirOf } from "../../record/state-dir.ts";
import { findRunning } from "../../record/find-running.ts";
import { rollBack } from "../../release/install.ts";
import { dataOfTree, withLock } from "../../release/installation.ts";
import { findLauncher } from "../../release/launcher.ts";
import { findTarball, type ReleaseSource, type Tarball } from "../../release/signed-sums.ts";
import {
  channelOf,
  isFromNpm,
  platformOf,
  programOf,
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
 * they name, then its own `release install`, which switches to it once it has proved that it starts.
 * @throws Failure `release.…` (1, 2, 4, 5, 6, 7); AbortError, and what was downloaded is kept
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
  if (check) return [order > 0 ? "Install it with: heros upgrade" : "Nothing was changed."];
  if (latest === current.version) return ["Nothing was changed."];
  if (order < 0 && version === null) {
    throw failure("release.older", { current: current.version, latest });
  }
  await withLock({ host, emit, signal }, path.join(data, "upgrade.lock"), () =>
    bringIn(work, { source, tarball, data }),
  );
  return [
    `Upgraded heros ${current.version} to ${latest}.`,
    ...(await backgroundLine(host, current.version)),
    "To go back: heros upgrade --rollback",
  ];
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

/** @throws Failure `release.from_checkout`, `release.bad_base` (2) */
async function baseOf(host: Host, { folder }: Current, keys: string): Promise<string> {
  const read = (file: string): Promise<string> =>
    host.files.readFile(file, "utf8").then(
      (text) => text.trim(),
      () => "",
    );
  const given = host.env["HEROS_BASE_URL"] ?? "";
  const base = given === "" ? await read(path.join(folder, "release-base")) : given;
  if (base === "" || (await read(keys)) === "") throw failure("release.from_checkout", { folder });
  const url = URL.parse(base);
  if (url === null || !/^https?:$/u.test(url.protocol)) throw failure("release.bad_base", { base });
  return url.href.replace(/\/+$/u, "");
}

interface BringIn {
  readonly source: ReleaseSource;
  readonly tarball: Tarball;
  readonly data: string;
}

/** From the network to the installed version. What is left of a download stays for the next time; another release's goes. */
async function bringIn(work: Work, { source, tarball, data }: BringIn): Promise<void> {
  const { host, emit, signal } = work;
  // Most upgrades find nothing to do, and need no engine.
  const [{ fetchTarball }, { unpack }] = await Promise.all([
    import("../../release/fetch-tarball.ts"),
    import("../../release/unpack.ts"),
  ]);
  const downloads = path.join(data, "downloads");
  // By its hash: a release that is published again under its old name is another download.
  const own = tarball.sha256.slice(0, 16);
  for (const other of await host.files.readdir(downloads).catch(() => [])) {
    if (other === own) continue;
    await host.files.rm(path.join(downloads, other), { recursive: true, force: true });
  }
  const folder = path.join(downloads, own);
  const { version } = tarball;
  const file = await fetchTarball({ ...source, host, emit, folder }, tarball);
  const platform = platformOf(host);
  const into = path.join(folder, "unpacked");
  const tree = await unpack({ host, signal, file, version, platform, into });
  await runInstall(work, tree, data);
  await host.files.rm(downloads, { recursive: true, force: true });
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

/** Has the new version install itself, into the same places. @throws Failure, as it says, or `release.broken` (1) */
async function runInstall(
  { host, signal }: Work,
  { folder, version }: ReleaseTree,
  data: string,
): Promise<void> {
  const { command, args } = programOf(folder);
  const place = await placeArguments(host, data);
  const { stdout, stderr } = await host.processes.run({
    command,
    args: [...args, "release", "install", "--json", ...place.args],
    env: place.env,
    signal,
  });
  const { data: end } = closing.safeParse(parseJson(stdout.trim().split("\n").at(-1) ?? ""));
  if (end?.type === "run.succeeded") return;
  if (end?.type === "run.failed") throw new Failure(end);
  const why = stderr.trim().split("\n")[0] ?? "";
  throw failure("release.broken", { version, why: why || "it exited without an error message" });
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

/** What runs in the background goes on with the version that it was started with. */
async function backgroundLine(host: Host, version: string): Promise<readonly string[]> {
  const stateDirs = [backgroundDirOf(host, false)];
  const running = await findRunning({ host, stateDirs, forgetEnded: false });
  if (running === null) return [];
  const { command, pid } = running.run;
  return [`heros ${command} still runs in the background with heros ${version} (PID ${pid}).`];
}

/** `heros upgrade --rollback`: back to the version that was installed before. */
export async function performRollback(
  { host, emit, signal }: Work,
  { appDir }: { readonly appDir: string },
): Promise<readonly string[]> {
  const folder = await treeOfApp(host, appDir);
  if (isFromNpm(appDir)) throw failure("release.from_npm", { folder: appDir });
  const data = folder === null ? null : await dataOfTree(host, folder);
  if (data === null) throw failure("release.not_installed", { folder: folder ?? appDir });
  const { from, to } = await rollBack({ host, emit, signal }, data);
  return [`Went back from heros ${from} to ${to}.`, `To undo this: heros upgrade --rollback`];
}
