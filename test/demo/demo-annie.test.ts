import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
import { listContainers } from "../../src/docker/containers.ts";
import { startStack } from "../../src/deploy/compose/start.ts";
import { layIntoCache, prepareTestDemo, writeTestStack } from "./test-demo.ts";

const open: DemoWorld[] = [];
const patient = { timeout: 240_000, interval: 50 };
const signal = new AbortController().signal;

afterEach(async () => {
  for (const demo of open.splice(0)) await demo.dispose();
});

async function openDemo(): Promise<DemoWorld> {
  const demo = await prepareTestDemo();
  open.push(demo);
  return demo;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function health(demo: DemoWorld): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${demo.port}/health`).catch(() => null);
  return answer === null ? null : answer.json();
}

test("starts an Annie who comes online by the models that are in the mounted cache", async () => {
  const demo = await openDemo();
  await writeTestStack(demo);
  await startStack({
    host: demo.host,
    stack: demo.catalog.stack,
    stackDir: demo.stackDir,
    emit: () => {},
    signal,
  });

  const [embedding, gliner, ...others] = demo.catalog.models;
  await expect
    .poll(() => health(demo), patient)
    .toMatchObject({
      status: "starting",
      checks: { models: { "gliner-medium-v2.1": { status: "pending" } } },
      capabilities: { memory_search: false, voice_stt: false },
    });
  for (const part of [...(embedding?.parts ?? []), ...(gliner?.parts ?? [])]) {
    await layIntoCache(demo.cacheDir, part);
  }
  await expect
    .poll(() => health(demo), patient)
    .toMatchObject({
      status: "healthy",
      checks: { models: { "gliner-medium-v2.1": { status: "ready", source: "cache" } } },
      capabilities: { memory_search: true, voice_stt: false, batch_embedding: false },
    });
  for (const part of others.flatMap((model) => model.parts))
    await layIntoCache(demo.cacheDir, part);
  await expect
    .poll(() => health(demo), patient)
    .toMatchObject({
      capabilities: {
        memory_search: true,
        voice_stt: true,
        batch_embedding: true,
      },
    });

  const { containers } = await listContainers({ host: demo.host, stackDir: demo.stackDir });
  expect(containers.map(({ service, state }) => [service, state])).toContainEqual([
    "her-os-core",
    "healthy",
  ]);
  expect(containers).toHaveLength(6);
});

test("leaves a container that runs alone, and stops all of them with down", async () => {
  const demo = await openDemo();
  await writeTestStack(demo);
  const compose = (...args: string[]) =>
    demo.host.processes.run({ command: "docker", args: ["compose", ...args], cwd: demo.stackDir });

  expect((await compose("up", "-d")).stderr).toContain("her-os-core-1  Started");
  await expect.poll(() => listens(demo.port), patient).toBe(true);
  const again = await compose("up", "-d");
  expect(again.stderr).toContain("her-os-core-1  Running");
  expect(again.stderr).not.toContain("Started");
  expect((await compose("logs", "--no-color", "--tail", "20", "her-os-core")).stdout).toContain(
    "Uvicorn",
  );

  await compose("down");
  expect(await listens(demo.port)).toBe(false);
  expect((await compose("ps", "-a", "--format", "json")).stdout).toBe("");
});

test("fails as docker does where Annie's port is taken", async () => {
  const [first, second] = [await openDemo(), await openDemo()];
  await writeTestStack(first);
  const up = { command: "docker", args: ["compose", "up", "-d"], cwd: first.stackDir };
  await first.host.processes.run(up);
  await expect.poll(() => listens(first.port), patient).toBe(true);
  await writeTestStack(second);

  const result = await second.host.processes.run({
    ...up,
    cwd: second.stackDir,
    env: { HER_OS_PORT: String(first.port) },
  });

  expect(result.exitCode).toBe(1);
  expect(result.stderr).toContain("address already in use");
});

test("Annie ends when the program that started her is killed, and the next demo clears up", async () => {
  const parent = spawn(process.execPath, [join(import.meta.dirname, "fixtures/demo-parent.ts")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await new Promise<[string]>((resolve) => {
    createInterface({ input: parent.stdout }).once("line", (text) => resolve([text]));
  });
  const { exitCode, port, folder } = JSON.parse(line) as {
    exitCode: number;
    port: number;
    folder: string;
  };
  try {
    expect(exitCode).toBe(0);
    await expect.poll(() => listens(port), patient).toBe(true);
    const gone = once(parent, "exit");
    parent.kill("SIGKILL");
    await expect.poll(() => listens(port), patient).toBe(false);
    await gone;
    expect(existsSync(folder)).toBe(true);
    await openDemo();
    expect(existsSync(folder)).toBe(false);
  } finally {
    parent.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
});
