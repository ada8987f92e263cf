import { mkdir, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import type { RepoFiles } from "../../src/catalog/catalog.ts";
import { herOs } from "../her-os.ts";
import { type DemoWorld, prepareDemo } from "../../src/demo/prepare-demo.ts";
import { realHost } from "../../src/host/real-host.ts";
import { freePort } from "../host/free-port.ts";
import { stackPlan } from "../../src/commands/stack/stack-plan.ts";
import { initialAnswers } from "../../src/plan/questions.ts";
import { planDeployment } from "../../src/deploy/compose/plan.ts";
import { writeStack } from "../../src/deploy/compose/deployment.ts";

export { herOs };

/** A demo whose start-up times are a twentieth. */
export async function prepareTestDemo(env: Record<string, string> = {}): Promise<DemoWorld> {
  const host = realHost({
    env: { ...process.env, ...env },
    home: homedir(),
    cwd: process.cwd(),
    pid: process.pid,
    platform: "linux",
    nodeArch: process.arch,
  });
  return prepareDemo({
    host,
    catalog: herOs,
    nodePath: process.execPath,
    speed: 20,
    port: await freePort(),
  });
}

/** What `heros setup` writes before it starts the containers. */
export async function writeTestStack({
  host,
  stackDir,
  cacheDir,
  port,
  catalog,
}: DemoWorld): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const { changes } = await planDeployment({
    host,
    stackDir,
    assetsDir: join(import.meta.dirname, "../../assets"),
    plan: stackPlan({
      catalog,
      answers: { ...initialAnswers(catalog), groups: catalog.groups.map(({ id }) => id) },
      places: { cacheDir, ollamaDir: "/nowhere" },
      isGiven: true,
      endpoint: "https://huggingface.co",
      port,
      capacity: { gpus: 1, gpuMemoryGib: 120, memoryGib: 120 },
    }),
  });
  await writeStack({ host, changes, emit: () => {} });
}

/** Lays a repository's files into a Hub cache, as Python's client does. */
export async function layIntoCache(
  cacheDir: string,
  { repo, revision, files }: RepoFiles,
  { dangling = null }: { readonly dangling?: string | null } = {},
): Promise<void> {
  const folder = join(cacheDir, `models--${repo.replace("/", "--")}`);
  const commit = /^[0-9a-f]{40}$/.test(revision) ? revision : "f".repeat(40);
  for (const glob of files ?? ["config.json"]) {
    const path = glob.replaceAll("*", "x");
    const blob = join(folder, "blobs", path.replaceAll("/", "_"));
    const link = join(folder, "snapshots", commit, path);
    await mkdir(dirname(blob), { recursive: true });
    await mkdir(dirname(link), { recursive: true });
    if (path !== dangling) await writeFile(blob, "bytes");
    await symlink(relative(dirname(link), blob), link);
  }
  if (commit !== revision) {
    await mkdir(join(folder, "refs"), { recursive: true });
    await writeFile(join(folder, "refs", revision), commit);
  }
}
