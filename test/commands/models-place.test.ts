import { readFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { DemoWorld } from "../../src/demo/prepare-demo.ts";
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
