import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { parseCatalog } from "../../src/catalog/load.ts";
import { reposForCatalog } from "../../src/demo/hub/catalog-repos.ts";
import { type EmbeddedHub, startHub } from "../../src/demo/hub/hub.ts";
import { findLeaks, passwordsOf } from "./leaks.ts";
import { docker, type HerosProcess, type HerosRun, startHeros } from "./run-heros.ts";

const catalogFile = fileURLToPath(new URL("../../assets/catalogs/her-os.yaml", import.meta.url));
const baseFile = fileURLToPath(new URL("../../assets/compose/docker-compose.yml", import.meta.url));

export interface Scene {
  readonly stackDir: string;
  readonly cacheDir: string;
  readonly hub: EmbeddedHub;
  /** Of the programs that it starts. */
  readonly env: Readonly<Record<string, string>>;
  /** Names of what lies in the stack's folder. */
  files(): Promise<readonly string[]>;
  /** Starts `heros pull`, of the first set, `heros setup`, `heros doctor` or `heros status` with these flags beside the usual ones. */
  start(
    command: "doctor" | "pull" | "setup" | "status",
    flags?: readonly string[],
    more?: SceneStart,
  ): HerosProcess;
  /** Runs `heros pull` with these flags, of the first set. */
  pull(flags: readonly string[], more?: SceneStart): Promise<HerosRun>;
  /** Runs `heros setup` with these flags beside the usual ones; `env` beside the test's own. */
  setup(flags?: readonly string[], env?: Readonly<Record<string, string>>): Promise<HerosRun>;
}

interface SceneStart {
  /** Beside the test's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly by?: readonly string[];
}

export interface SceneOptions {
  /** Changes the base that is in the folder before heros comes. */
  readonly change?: (base: string) => string;
  readonly override?: string;
  readonly bytesPerSecond?: number;
  /** Of the models, as a share of the real ones. */
  readonly scale?: number;
  /** Default: in the scene's own folder. */
  readonly cacheDir?: string;
  /** Default: the scene's own folder. */
  readonly home?: string;
  /** One that the Hub takes, given as HF_TOKEN. */
  readonly token?: string;
  /** No --cache-dir is given: the storage, or the answers, say where models are. */
  readonly storage?: boolean;
  /** The user's own files put passwords into containers' environments, where Docker shows them. */
  readonly ownPasswords?: boolean;
}

/** A user's own stack in a folder of its own, and a Hub with small models of the real names. */
export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const { change = (base) => base, override } = options;
  const { bytesPerSecond = 50_000_000, scale = 0.004 } = options;
  const folder = await mkdtemp(path.join(tmpdir(), "heros-own-"));
  const stackDir = path.join(folder, path.basename(folder));
  await mkdir(stackDir);
  await cp(baseFile, path.join(stackDir, "docker-compose.yml"));
  await writeFile(
    path.join(stackDir, "docker-compose.yml"),
    change(await readFile(baseFile, "utf8")),
  );
  if (override !== undefined) {
    await writeFile(path.join(stackDir, "docker-compose.override.yml"), override);
  }
  const catalog = parseCatalog(await readFile(catalogFile, "utf8"), catalogFile);
  const hub = await startHub({
    repos: reposForCatalog(catalog, { scale }),
    throttle: { bytesPerSecond },
    ...(options.token === undefined ? {} : { tokens: { [options.token]: "tester" } }),
  });
  /** Of every run of heros, what it printed. */
  const printed: Promise<HerosRun>[] = [];
  onTestFinished(async () => {
    const { token, ownPasswords = false } = options;
    const leaks = await leaksOf({ folder, stackDir, token, ownPasswords, printed });
    await docker(["compose", "down", "--volumes", "--timeout", "1"], stackDir).catch(() => "");
    await hub.close();
    await rm(folder, { recursive: true, force: true });
    expect(leaks).toEqual([]);
  });
  const { cacheDir = path.join(folder, "hub") } = options;
  const fromHub = [`--endpoint=${hub.endpoint}`];
  const places = [
    ...(options.storage === true ? [] : [`--cache-dir=${cacheDir}`]),
    `--stack-dir=${stackDir}`,
  ];
  const ownEnv = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: options.home ?? folder,
    DOCKER_HOST: process.env["DOCKER_HOST"] ?? "",
    DOCKER_CONFIG: process.env["DOCKER_CONFIG"] ?? "",
    ...(options.token === undefined ? {} : { HF_TOKEN: options.token }),
  };
  const usual = {
    pull: ["pull", "--output=json", "--tiers=1"],
    doctor: ["doctor", "--output=json"],
    status: ["status", "--output=json"],
    setup: ["setup", "--yes", "--allow-unsupported", "--output=json", "--tiers=1,2,3"],
  };
  const start: Scene["start"] = (command, flags = [], { env = {}, by = [] } = {}) => {
    const started = startHeros({
      args: [...usual[command], ...(command === "status" ? [] : fromHub), ...places, ...flags],
      env: { ...ownEnv, ...env },
      by,
    });
    printed.push(started.ended);
    return started;
  };
  return {
    stackDir,
    cacheDir,
    hub,
    env: ownEnv,
    files: async () => (await readdir(stackDir)).toSorted(),
    start,
    pull: (flags, more) => start("pull", flags, more).ended,
    setup: (flags, env = {}) => start("setup", flags, { env }).ended,
  };
}

/** Whatever a test is about: where the stack's passwords, or the token, stand although nobody should read them there. */
async function leaksOf({
  folder,
  stackDir,
  token,
  ownPasswords,
  printed,
}: {
  readonly folder: string;
  readonly stackDir: string;
  readonly token: string | undefined;
  readonly ownPasswords: boolean;
  readonly printed: readonly Promise<HerosRun>[];
}): Promise<readonly string[]> {
  const passwords = ownPasswords ? {} : await passwordsOf(stackDir).catch(() => ({}));
  const secrets = { ...passwords, ...(token === undefined ? {} : { token }) };
  const hasEngine = await docker(["version"]).then(
    () => true,
    () => false,
  );
  if (Object.keys(secrets).length === 0 || !hasEngine) return [];
  const runs = await Promise.all(printed);
  const outputs = runs.map(({ stdout, stderr }, index) => [`run ${index + 1}`, stdout + stderr]);
  return findLeaks({
    secrets,
    folders: [folder],
    outputs: Object.fromEntries(outputs) as Record<string, string>,
  });
}
