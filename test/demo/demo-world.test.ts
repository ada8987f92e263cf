import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
import { detectMachine } from "../../src/checks/detect.ts";
import { herOs, prepareTestDemo } from "./test-demo.ts";
import { matchesGlob } from "../../src/run/glob.ts";

const open: DemoWorld[] = [];
const signal = new AbortController().signal;

afterEach(async () => {
  for (const demo of open.splice(0)) await demo.dispose();
});

async function openDemo(env: Record<string, string> = {}): Promise<DemoWorld> {
  const demo = await prepareTestDemo(env);
  open.push(demo);
  return demo;
}

test("is taken for a DGX Spark on which everything is in order", async () => {
  const demo = await openDemo();

  const { machine, problems } = await detectMachine({
    modelsGib: 24.5,
    core: herOs.stack,
    host: demo.host,
    emit: () => {},
    signal,
    modelsPath: demo.cacheDir,
    stackDir: demo.stackDir,
    port: demo.port,
    endpoint: demo.endpoint,
    readStack: async () => null,
    tryHub: () => Promise.resolve("answered"),
  });

  expect(problems).toEqual([]);
  expect(machine).toMatchObject({
    arch: "aarch64",
    product: "NVIDIA DGX Spark",
    spark: true,
    cpuCount: 20,
    gpu: { name: "NVIDIA GB10", unified: true, memoryBytes: null },
    docker: { gpuAccess: "cdi" },
    hub: { reachable: true },
  });
  expect((machine.memoryBytes / 1024 ** 3).toFixed(1)).toBe("121.6");
  expect(machine.disks[0]).toMatchObject({ device: "nvme0n1p2", nvme: true });
});

test("lets nothing of the user's environment in that leads out of it", async () => {
  const demo = await openDemo({
    HF_TOKEN: "hf_mine",
    HTTPS_PROXY: "http://127.0.0.1:9",
    http_proxy: "http://127.0.0.1:9",
    HEROS_CACHE_DIR: "/mine",
    COMPOSE_FILE: "/mine.yml",
    HEROS_TIERS: "1",
  });

  const { env, home } = demo.host;
  expect(Object.keys(env).filter((name) => /TOKEN|proxy|CACHE_DIR|COMPOSE/i.test(name))).toEqual(
    [],
  );
  expect(env).toMatchObject({ HEROS_TIERS: "1", HF_ENDPOINT: demo.endpoint, HOME: home });
  expect(home.startsWith(demo.folder)).toBe(true);
  expect(JSON.stringify(env)).not.toContain("hf_mine");
});

test("removes its folder at the end, or keeps it when asked", async () => {
  const gone = await prepareTestDemo();
  const kept = await prepareTestDemo();

  await gone.dispose();
  await kept.dispose({ keep: true });

  expect(existsSync(gone.folder)).toBe(false);
  await openDemo();
  expect(await readdir(kept.folder)).toEqual(["home", "machine"]);
  await rm(kept.folder, { recursive: true });
});

test("refuses a docker command that it does not know", async () => {
  const demo = await openDemo();

  const result = await demo.host.processes.run({ command: "docker", args: ["swarm", "init"] });

  expect(result.exitCode).not.toBe(0);
  expect(result.stderr).toContain("docker swarm init");
});

test("runs what is not the machine's for real", async () => {
  const demo = await openDemo();
  await writeFile(join(demo.host.home, "note"), "mine");

  const result = await demo.host.processes.run({
    command: "cat",
    args: [join(demo.host.home, "note")],
  });

  expect(result.stdout).toBe("mine");
  expect(await demo.host.files.readFile(join(demo.host.home, "note"), "utf8")).toBe("mine");
  expect(await demo.host.files.readFile("/etc/dgx-release", "utf8")).toContain("DGX Spark");
});

test("rehearses the catalog of her-os, with a two-hundredth of its bytes among files that nobody needs", async () => {
  const { catalog, hub } = await openDemo();
  expect(catalog).toEqual(herOs);

  const bytes: Record<number, number> = {};
  for (const { priority: tier, parts } of catalog.models) {
    for (const { repo, revision, files } of parts) {
      const answer = await fetch(`${hub.endpoint}/api/models/${repo}/revision/${revision}`);
      const { siblings } = (await answer.json()) as { siblings: { rfilename: string }[] };
      const wanted = siblings.filter(
        ({ rfilename }) => files === null || files.some((glob) => matchesGlob(rfilename, glob)),
      );
      for (const glob of files ?? []) {
        expect(wanted.some(({ rfilename }) => matchesGlob(rfilename, glob))).toBe(true);
      }
      for (const { rfilename } of wanted) {
        const { sizeBytes } = hub.file(repo, rfilename, revision).source;
        bytes[tier] = (bytes[tier] ?? 0) + sizeBytes;
      }
    }
  }
  expect(Object.keys(bytes)).toEqual(["1", "2", "3"]);
  const all = Object.values(bytes).reduce((sum, each) => sum + each);
  expect(all).toBeGreaterThan(98e6);
  expect(all).toBeLessThan(105e6);
});

test("takes every token that looks like one of the Hub's, and no other", async () => {
  const { hub } = await openDemo();
  const statusOf = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await fetch(`${hub.endpoint}/api/whoami-v2`, { headers })).status;
  };
  expect(await statusOf(`hf_${"aB3".repeat(12).slice(0, 34)}`)).toBe(200);
  expect(await statusOf("hf_short")).toBe(401);
  expect(await statusOf("ghp_0123456789012345678901234567890123")).toBe(401);
});

test("plays every folder of the machine in its own", async () => {
  const demo = await openDemo();
  const { folder, host } = demo;
  expect(demo.inside("/mnt/models")).toBe(join(folder, "elsewhere/mnt/models"));
  expect(demo.inside("/")).toBe(join(folder, "elsewhere/"));
  expect(demo.inside(join(homedir(), "her-os"))).toBe(demo.stackDir);
  expect(demo.inside(homedir())).toBe(host.home);
  expect(demo.inside(demo.stackDir)).toBe(demo.stackDir);
});
