import { herOs } from "../her-os.ts";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closingSummary, demoSummary } from "../../src/commands/setup/closing-summary.ts";
import type { Host } from "../../src/host/host.ts";
import { realHost } from "../../src/host/real-host.ts";
import type { PlanReady } from "../../src/run/events/plan.ts";

let home: string;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "closing-"));
});

afterEach(() => rm(home, { recursive: true }));

function hostWith(env: Host["env"]): Host {
  const { pid, platform, arch } = process;
  const host = realHost({ env, home, cwd: home, pid, platform, nodeArch: arch });
  const readFile = (file: string, encoding: "utf8"): Promise<string> =>
    file === "/proc/sys/kernel/hostname"
      ? Promise.resolve("spark-1234\n")
      : host.files.readFile(file, encoding);
  return { ...host, files: { ...host.files, readFile } as unknown as Host["files"] };
}

function planIn(stackDir: string): PlanReady {
  return {
    type: "plan.ready",
    dryRun: false,
    tiers: [1, 2, 3],
    models: [],
    capabilities: ["memory_search", "voice_stt", "batch_embedding"],
    totalBytes: 4_310_000_000,
    cachedBytes: 0,
    startup: "progressive",
    cacheDir: "/c",
    stackDir,
    endpoint: "https://hub.test",
    token: "none",
    files: [],
    services: [],
  };
}

const online = {
  url: "http://127.0.0.1:8000",
  fetchedBytes: 1,
  downloadedInMs: 95_000,
  answeredInMs: null,
};

async function put(file: string, text: string): Promise<string> {
  const full = path.join(home, file);
  await mkdir(path.dirname(full), { recursive: true });
  await writeFile(full, text);
  return full;
}

test("a setup ends with her address, the way to it, what she can do, and commands that work", async () => {
  const ending = {
    stack: herOs.stack,
    host: hostWith({ PATH: "/nowhere" }),
    online,
    plan: planIn("/my stack"),
  };
  expect(await closingSummary(ending, "/opt/heros/assets")).toEqual([
    "http://127.0.0.1:8000",
    "From your laptop: ssh -L 8000:localhost:8000 spark-1234",
    "Ready: memory search, speech-to-text",
    "Tonight: nightly re-index",
    "Models: 4.31 GB, downloaded and verified in 1 min 35 s",
    "Next: heros status, heros doctor",
    "Stop it: heros down --stack-dir '/my stack'",
  ]);
});

test("a test question that she answered is told with the time it took", async () => {
  const answered = { ...online, answeredInMs: 412 };
  const ending = {
    stack: herOs.stack,
    host: hostWith({}),
    online: answered,
    plan: planIn("/my stack"),
  };
  expect(await closingSummary(ending, "/opt/heros/assets")).toContain(
    "Tested: answered a test question in 0.4 s",
  );
});

test("where she is open to the network the laptop needs no tunnel", async () => {
  await put("her-os/.env", "HER_OS_BIND=0.0.0.0\n");
  const plan = planIn(path.join(home, "her-os"));
  const lines = await closingSummary(
    { stack: herOs.stack, host: hostWith({}), online, plan },
    "/opt/heros/assets",
  );
  expect(lines).toContain("From your laptop: http://spark-1234:8000");
  const bound = { ...online, url: "http://192.168.1.7:8000" };
  const there = await closingSummary(
    { stack: herOs.stack, host: hostWith({}), online: bound, plan },
    "/opt/assets",
  );
  expect(there.filter((line) => line.startsWith("From"))).toEqual([]);
});

test("the setting that opens her to the network is named where her compose files have it", async () => {
  const plan = planIn(path.join(home, "her-os"));
  const lines = () =>
    closingSummary({ stack: herOs.stack, host: hostWith({}), online, plan }, "/opt/heros/assets");
  await put("her-os/docker-compose.yml", 'ports: ["127.0.0.1:8000:8000"]\n');
  expect((await lines()).filter((line) => line.includes("HER_OS_BIND"))).toEqual([]);
  await put("her-os/docker-compose.yml", 'ports: ["${HER_OS_BIND:-127.0.0.1}:8000:8000"]\n');
  expect(await lines()).toContain(
    `To open it to your network: HER_OS_BIND=0.0.0.0 in ${home}/her-os/.env, then heros up`,
  );
});

test("heros is named as a shell finds it: by its path until it is on PATH", async () => {
  const launcher = await put(".local/bin/heros", "#!/bin/sh\n");
  const next = async (env: Host["env"]) =>
    (
      await closingSummary(
        { stack: herOs.stack, host: hostWith(env), online, plan: planIn("/s") },
        "/opt/assets",
      )
    ).find((line) => line.startsWith("Next"));
  expect(await next({})).toBe("Next: ~/.local/bin/heros status, ~/.local/bin/heros doctor");
  expect(await next({ PATH: path.dirname(launcher) })).toBe("Next: heros status, heros doctor");
});

test("an installed demo says what stays, how to remove it, and what to run", async () => {
  await put(".local/bin/heros", "#!/bin/sh\n");
  const assetsDir = path.join(home, ".local/share/heros/versions/0.1.0-arm64-abc/app/assets");
  const words = {
    stack: herOs.stack,
    host: hostWith({}),
    assetsDir,
    nodePath: "/node",
    kept: null,
  };
  expect(await demoSummary({ online, plan: planIn("/s") }, words)).toEqual([
    "Ready: memory search, speech-to-text",
    "Tonight: nightly re-index",
    "Models: 4.31 GB, downloaded and verified in 1 min 35 s",
    "Simulated: the machine, Docker, the Hub and {assistant}; nothing of it is left",
    "Installed: heros itself; to remove it: ~/.local/bin/heros uninstall",
    "For real: ~/.local/bin/heros setup",
  ]);
});

test("a demo from a checkout installs nothing, and names the program by its path", async () => {
  const words = {
    host: hostWith({}),
    stack: herOs.stack,
    assetsDir: "/src/heros/assets",
    nodePath: "/node",
    kept: "/d",
  };
  const lines = await demoSummary({ online, plan: planIn("/s") }, words);
  expect(lines.slice(-2)).toEqual([
    "Simulated: the machine, Docker, the Hub and {assistant}; kept in /d",
    "For real: /node /src/heros/bin/heros.js setup",
  ]);
});

test("from its own folder a checkout is started by a short command", async () => {
  const node = await put("bin/node", "");
  const host = hostWith({ PATH: path.dirname(node) });
  const words = {
    stack: herOs.stack,
    host,
    assetsDir: path.join(home, "assets"),
    nodePath: node,
    kept: null,
  };
  const last = async () => (await demoSummary({ online, plan: planIn("/s") }, words)).at(-1);
  await put("bin/heros.js", "");
  expect(await last()).toBe("For real: node bin/heros.js setup");
});
