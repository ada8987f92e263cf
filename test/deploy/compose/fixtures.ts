import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Clock, Host } from "../../../src/host/host.ts";
import { realClock, realHost } from "../../../src/host/real-host.ts";
import type { HerosEvent } from "../../../src/run/event.ts";
import type { ModelsMount } from "../../../src/plan/storage.ts";
import { herOs } from "../../her-os.ts";
import { planDeployment } from "../../../src/deploy/compose/plan.ts";
import { type Deployment, writeStack } from "../../../src/deploy/compose/deployment.ts";

export const assetsDir = fileURLToPath(new URL("../../../assets", import.meta.url));

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-stack-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The real host, with nothing of this shell's environment but what is given. */
export function testHost(env: Readonly<Record<string, string>> = {}): Host {
  const host = realHost({
    env: { PATH: "/usr/bin:/bin", ...env },
    home: "/nonexistent",
    cwd: "/",
    pid: process.pid,
    platform: "linux",
    nodeArch: process.arch,
  });
  const clock: Clock = {
    ...realClock,
    now: () => new Date("2026-11-21T09:30:00.123Z"),
    // Waits between two looks are cut short; what is waited for is real.
    sleep: (ms, signal) => realClock.sleep(Math.min(ms, 50), signal),
  };
  return { ...host, clock };
}

/** A deployment of her-os, and in short what of it a test is about. */
export interface PlanChange extends Partial<Deployment> {
  readonly gpu?: boolean;
  readonly cacheDir?: string;
  readonly mount?: ModelsMount;
  readonly tokenFor?: { readonly core: boolean; readonly warmup: boolean };
}

export function stackPlan(folder: string, change: PlanChange = {}): Deployment {
  const {
    gpu = false,
    cacheDir = folder,
    mount = { kind: "folder" },
    tokenFor = { core: true, warmup: true },
    ...rest
  } = change;
  return {
    stack: herOs.stack,
    stores: { hub: { folder: cacheDir, mount } },
    services: [
      {
        name: "her-os-core",
        mounts: [{ store: "hub", at: "/data/models", readOnly: true }],
        environment: { HER_OS_TIERS: "1,2" },
        token: tokenFor.core,
        gpus: { kind: "all" },
        memory: { limit: null, reservation: null },
        command: null,
        bakedModels: "HER_OS_BAKED_MODELS",
        isOff: false,
        warmup: {
          name: "model-warmup",
          entrypoint: ["python", "-m", "her_os.bootstrap", "--all", "--block"],
          environment: {
            HER_OS_TIERS: "1,2",
            DOWNLOAD_PRIORITY: "${MODEL_DOWNLOAD_PRIORITY:-2}",
          },
          token: tokenFor.warmup,
        },
      },
    ],
    startup: "progressive",
    endpoint: null,
    port: 8000,
    token: null,
    gpus: gpu ? 1 : 0,
    needsGpu: () => false,
    ...rest,
  };
}

/** Every file of a folder with its bytes, permissions and times: what a second run must not change. */
export async function photograph(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of await readdir(folder, { recursive: true })) {
    const file = path.join(folder, name);
    const info = await stat(file);
    const bytes = info.isFile() ? await readFile(file, "base64") : "";
    found[name] = `${(info.mode & 0o7777).toString(8)} ${info.mtimeMs} ${info.ino} ${bytes}`;
  }
  return found;
}

export const minimalBase = "services:\n  her-os-core:\n    image: mine\n";

export interface SetUp {
  readonly stackDir: string;
  readonly change?: PlanChange;
  readonly host?: Host;
}

/** Plans and writes; what was told of each file, by name. */
export async function setUpStack({
  stackDir,
  change = {},
  host = testHost(),
}: SetUp): Promise<Record<string, string>> {
  const plan = stackPlan(path.join(stackDir, "../hub"), change);
  const { changes } = await planDeployment({ host, stackDir, plan, assetsDir });
  const events: HerosEvent[] = [];
  await writeStack({ host, changes, emit: (event) => events.push(event) });
  return Object.fromEntries(
    events.flatMap((event) =>
      event.type === "file.written" ? [[path.relative(stackDir, event.path), event.action]] : [],
    ),
  );
}

/** A folder for a stack that is not there yet, unless there are files for it. */
export async function newStackDir(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const stackDir = path.join(await temporaryFolder(), "her-os");
  await put(stackDir, files);
  return stackDir;
}

export function read(stackDir: string, name: string): Promise<string> {
  return readFile(path.join(stackDir, name), "utf8");
}

export async function put(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}
