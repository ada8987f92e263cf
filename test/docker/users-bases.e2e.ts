import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareVersion } from "../../src/run/version.ts";
import { Secret } from "../../src/run/secret.ts";
import { photograph, setUpStack, testHost } from "../deploy/compose/fixtures.ts";
import { usersBases, warmedBases } from "./users-bases/all.ts";
import type { UsersBase } from "./users-bases/base.ts";

const { PATH = "/usr/bin:/bin", DOCKER_CONFIG = "", DOCKER_HOST = "" } = process.env;
const env = { PATH, DOCKER_CONFIG, DOCKER_HOST, HOME: "/nonexistent", USER: "me" };

let folder: string;
let version: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "heros-bases-"));
  version = (await compose(folder, ["version", "--short"])).stdout.trim();
  process.stdout.write(`Docker Compose ${version}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("each kind of a user's base has a name of its own", () => {
  const kinds = usersBases.map(({ kind }) => kind);
  expect(new Set(kinds).size).toBe(kinds.length);
});

describe.each([
  ["progressive", usersBases],
  ["warmup", warmedBases],
] as const)("with ours after it, %s", (startup, bases) => {
  test.concurrent.for(bases)("$kind", async (base, { skip }) => {
    const { since, refused } = base;
    if (since !== undefined && (compareVersion(version, since) ?? 0) < 0) skip();
    const stackDir = await lay(base);
    const before = await photograph(path.dirname(stackDir));
    const setUp = () =>
      setUpStack({
        stackDir,
        change: { startup, gpu: true, token: new Secret("hf_token-of-the-test") },
        host: testHost(env),
      });
    if (refused !== undefined) {
      await expect(setUp()).rejects.toMatchObject({ code: refused, exitCode: 2 });
      expect(await photograph(path.dirname(stackDir))).toEqual(before);
      return;
    }
    const alone = await config(stackDir);
    await setUp();
    expectOurs(alone, await config(stackDir), stackDir);
    await expectUnchanged(base, stackDir);
    const written = await photograph(stackDir);
    expect(new Set(Object.values(await setUp()))).toEqual(new Set(["unchanged"]));
    expect(await photograph(stackDir)).toEqual(written);
  });
});

/** The files in a folder of their own. @returns the stack's folder */
async function lay({ files }: UsersBase): Promise<string> {
  const stackDir = path.join(await mkdtemp(path.join(folder, "base-")), "her-os");
  await mkdir(stackDir);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(stackDir, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return stackDir;
}

/** Byte for byte; in `.env` alone the lines of our keys may differ. */
async function expectUnchanged({ files }: UsersBase, stackDir: string): Promise<void> {
  const ownKeys = /^(?:COMPOSE_FILE|HER_OS_PORT|POSTGRES_PASSWORD|NEO4J_PASSWORD)=.*(?:\n|$)/gm;
  for (const [name, text] of Object.entries(files)) {
    const [was, is] = [Buffer.from(text), await readFile(path.join(stackDir, name))].map((bytes) =>
      name === ".env"
        ? bytes.toString("latin1").replaceAll(ownKeys, "").trimEnd()
        : bytes.toString("latin1"),
    );
    expect(is).toBe(was);
  }
}

interface Service {
  readonly [key: string]: unknown;
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly volumes?: readonly { readonly target: string; readonly source?: string }[];
  readonly ports?: readonly { readonly target: number; readonly protocol?: string }[];
  readonly secrets?: readonly object[];
  readonly depends_on?: object;
  readonly gpus?: readonly object[];
  readonly runtime?: string;
  readonly devices?: readonly { readonly source: string }[];
  readonly deploy?: {
    readonly placement?: object;
    readonly resources?: { readonly reservations?: { readonly devices?: readonly object[] } };
  };
}
interface Config {
  readonly [key: string]: unknown;
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets?: Readonly<Record<string, object>>;
  readonly volumes?: Readonly<Record<string, object>>;
}

/** The stack as compose reads it in its folder; null where it refuses. */
async function config(stackDir: string): Promise<Config | null> {
  const { stdout, failed } = await compose(stackDir, ["config", "--format", "json"]);
  return failed ? null : (JSON.parse(stdout) as Config);
}

function compose(
  cwd: string,
  args: readonly string[],
): Promise<{ stdout: string; failed: boolean }> {
  return new Promise((resolve) => {
    execFile("docker", ["compose", ...args], { cwd, env }, (error, stdout) =>
      resolve({ stdout, failed: error !== null }),
    );
  });
}

/** What is ours in what compose makes of both, and nothing else, is new; the users' own services are as they were. */
function expectOurs(alone: Config | null, together: Config | null, stackDir: string): void {
  if (alone === null || together === null) throw new Error("compose refuses the files");
  const { [annie]: was = {}, ...othersWere } = alone.services;
  const { [annie]: is = {}, "model-warmup": _warmup, ...others } = together.services;
  const { "model-warmup": _ownWarmup, ...ownOthers } = othersWere;
  expect(others).toEqual(ownOthers);

  const secret = "hf_token" in (alone.secrets ?? {}) ? "heros_hf_token" : "hf_token";
  expect(together.secrets).toEqual({
    ...alone.secrets,
    [secret]: {
      name: `${String(together["name"])}_${secret}`,
      file: path.join(stackDir, "secrets/hf_token"),
    },
  });
  const { [modelsOf(was)?.source ?? ""]: _models, ...volumes } = alone.volumes ?? {};
  expect({ ...volumes, ...together.volumes }).toEqual(together.volumes ?? {});
  expect({ ...alone.volumes, ...together.volumes }).toEqual(alone.volumes ?? {});
  expect(without(together, ["services", "secrets", "volumes"])).toEqual(
    without(alone, ["services", "secrets", "volumes"]),
  );

  expect(is.environment).toEqual({
    ...was.environment,
    HER_OS_TIERS: "1,2",
    HF_HOME: "/data/models",
    HF_HUB_CACHE: "/data/models",
    HF_HUB_DISABLE_TELEMETRY: "1",
    HF_HUB_OFFLINE: "1",
    HF_TOKEN_PATH: `/run/secrets/${secret}`,
  });
  expect(modelsOf(is)).toMatchObject({
    type: "bind",
    source: path.join(stackDir, "../hub"),
    read_only: true,
  });
  const besideModels = ({ volumes: mounts = [] }: Service) =>
    mounts.filter((mount) => mount.target !== models).toSorted(byTarget);
  expect(besideModels(is)).toEqual(besideModels(was));
  expect(is.secrets).toEqual([
    ...(was.secrets ?? []),
    expect.objectContaining({ source: secret }) as object,
  ]);
  const reached =
    (was.ports ?? []).some(({ target, protocol }) => target === 8000 && protocol === "tcp") ||
    /^(?:host|service:.*)$/.test(String(was["network_mode"]));
  expect(is.ports ?? []).toEqual([
    ...(was.ports ?? []),
    ...(reached ? [] : [expect.objectContaining({ target: 8000, published: "8000" }) as object]),
  ]);
  const [had, has] = [gpusOf(was), gpusOf(is)];
  expect(has).toEqual(
    had.length > 0 ? had : [{ driver: "nvidia", count: -1, capabilities: ["gpu"] }],
  );
  expect(besideOurs(is)).toEqual(besideOurs(was));
}

const annie = "her-os-core";
const models = "/data/models";

function modelsOf({ volumes = [] }: Service) {
  const found = volumes.filter(({ target }) => path.resolve(target) === models);
  expect(found.length).toBeLessThan(2);
  return found[0];
}

/** Every way by which a service gets a GPU, as it stands there. */
function gpusOf({ gpus, runtime, devices = [], deploy }: Service): unknown[] {
  return [
    ...(gpus ?? []),
    ...(runtime === "nvidia" ? [runtime] : []),
    ...devices.filter(({ source }) => /nvidia/.test(source)),
    ...(deploy?.resources?.reservations?.devices ?? []),
  ];
}

/** What ours has no say in. */
function besideOurs(service: Service): object {
  const { depends_on: waitsFor = {}, deploy } = service;
  const { resources, placement: _placement, ...moreOfDeploy } = deploy ?? {};
  const { reservations, ...moreOfResources } = resources ?? {};
  return {
    ...without(service, ["environment", "volumes", "secrets", "ports", "deploy", "depends_on"]),
    depends_on: without(waitsFor, ["model-warmup"]),
    deploy: [moreOfDeploy, moreOfResources, without(reservations ?? {}, ["devices"])],
  };
}

function without(object: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

function byTarget(one: { readonly target: string }, other: { readonly target: string }): number {
  return one.target < other.target ? -1 : 1;
}
