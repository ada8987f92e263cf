import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { rememberAnswers } from "../../src/commands/remembered-answers.ts";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
import { testHost } from "../machine/test-host.ts";
import { eventsOf, makeWorld, runSetup } from "./demo-setup.ts";

let world: DemoWorld;

beforeEach(async () => {
  world = await makeWorld();
});

afterEach(async () => {
  await world.dispose();
});

it("keeps in mind where the models are, for a setup and every other command after it", async () => {
  const cacheDir = path.join(world.folder, "big disk");
  const named = /^(?:HF_HOME|HF_HUB_CACHE|HUGGINGFACE_HUB_CACHE)$/;
  const env = Object.entries(world.host.env).filter(([name]) => !named.test(name));
  const unnamed = { ...world, host: { ...world.host, env: Object.fromEntries(env) } };
  const dryRun = { dryRun: true, cacheDir };
  await runSetup(world, { request: dryRun });
  await runSetup(world, { request: { cacheDir } });
  const kept: unknown = JSON.parse(
    await readFile(path.join(world.stateDir, "answers.json"), "utf8"),
  );
  expect(kept).toMatchObject({ finished: true, cacheDir, answers: { storage: [cacheDir] } });
  const again = await runSetup(unnamed);
  expect(eventsOf(again, "plan.ready")[0]).toMatchObject({ cacheDir });
  expect(eventsOf(again, "download.planned")[0]?.cachedBytes).toBeGreaterThan(0);
  expect(eventsOf(again, "file.verified")).toEqual([]);
});

it("links the models into another place that is chosen later, and downloads nothing again", async () => {
  const [first, second] = [path.join(world.folder, "first"), path.join(world.folder, "second")];
  await runSetup(world, { request: { cacheDir: first } });
  const again = await runSetup(world, { request: { cacheDir: second } });
  expect(again.error).toBeNull();
  expect(eventsOf(again, "plan.ready")[0]?.cachedBytes).toBe(
    eventsOf(again, "plan.ready")[0]?.totalBytes,
  );
  expect(eventsOf(again, "file.verified")).toEqual([]);
  const blobs = "models--urchade--gliner_medium-v2.1/blobs";
  const names = await readdir(path.join(second, blobs));
  expect(names).not.toEqual([]);
  for (const name of names) {
    const [{ ino }, { nlink, ino: own }] = [
      await stat(path.join(first, blobs, name)),
      await stat(path.join(second, blobs, name)),
    ];
    expect([own, nlink]).toEqual([ino, 2]);
  }
});

it("remembers an earlier place until its models are taken over, however often a setup is broken off", async () => {
  const [first, second] = [path.join(world.folder, "first"), path.join(world.folder, "second")];
  await runSetup(world, { request: { cacheDir: first } });
  const stop = new AbortController();
  await runSetup(world, {
    request: { cacheDir: second },
    signal: stop.signal,
    onEvent: ({ type }) => void (type === "file.written" && stop.abort()),
  });
  const again = await runSetup(world, { request: { cacheDir: second } });
  expect(eventsOf(again, "file.verified")).toEqual([]);
  const kept: unknown = JSON.parse(
    await readFile(path.join(world.stateDir, "answers.json"), "utf8"),
  );
  expect(kept).toMatchObject({ finished: true, cacheDir: second, former: [] });
});

it("keeps the same answers by the same bytes, as a setup that goes on in the background does", async () => {
  const host = testHost();
  const file = path.join(world.stateDir, "answers.json");
  const kept = {
    stateDir: world.stateDir,
    stackDir: path.join(world.folder, "her-os"),
    cacheDir: path.join(world.folder, "cache"),
    answers: { storage: ["hub-cache"] },
    finished: false,
  };
  await rememberAnswers(host, kept);
  const before = await readFile(file, "utf8");
  await rememberAnswers(host, kept);
  expect(await readFile(file, "utf8")).toBe(before);
});
