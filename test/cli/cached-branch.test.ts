import { rm } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { startHub } from "../../src/demo/hub/hub.ts";
import { connectHub } from "../../src/source/hub/hub.ts";
import { surveyModels } from "../../src/commands/download-models.ts";
import { openHubCache } from "../../src/store/hub-cache/hub-cache.ts";
import { model, openScene } from "../download/scene.ts";
import { makeSandbox } from "./sandbox.ts";
import { catalogOf, hosted } from "./wrong-input.ts";

const noHub = "http://127.0.0.1:9";

test("a branch that is whole in the cache needs no Hub, and it is said which commit is used", async () => {
  await using sandbox = await makeSandbox();
  const hub = await startHub(hosted);
  const commit = hub.commit("demo/voice");
  const catalog = await catalogOf(sandbox, "demo/voice");
  const args = ["pull", "--catalog", catalog, "--cache-dir", `${sandbox.dir}/cache`, "--json"];
  expect((await sandbox.run([...args, "--endpoint", hub.endpoint])).exitCode).toBe(0);
  await hub.close();
  // With the listings that heros kept, and by the snapshot alone.
  for (const keep of [true, false]) {
    if (!keep) await rm(path.join(sandbox.home, ".local/state/heros"), { recursive: true });
    const run = await sandbox.run([...args, "--endpoint", noHub]);
    expect(run.exitCode).toBe(0);
    const notices = run.events().filter((event) => event.type === "notice");
    expect(notices.map(({ code }) => code)).toEqual(["hub.cache_used"]);
    expect(notices[0]?.message).toContain(commit.slice(0, 7));
    expect(run.events().some(({ type }) => type === "model.ready")).toBe(true);
    expect(run.events().some(({ type }) => type === "hub.waiting")).toBe(false);
  }
});

test("one of which something is missing is waited for, and not taken as it is", async () => {
  const files = [{ path: "a.bin", sizeBytes: 1000 }];
  await using scene = await openScene({ repos: [{ id: "org/model", files }] });
  const models = [model("m", "org/model")];
  await scene.pull(models);
  await rm(path.join(scene.cacheDir, "models--org--model/snapshots"), { recursive: true });
  const { host, cacheDir } = scene;
  const options = {
    host,
    endpoint: noHub,
    token: null,
    stateDir: path.join(scene.folder, "state"),
  };
  let told = 0;
  const survey = surveyModels({
    source: connectHub({ ...options, forMs: 1 }),
    store: openHubCache({ host, cacheDir }),
    models,
    signal: new AbortController().signal,
    fallback: {
      offline: connectHub({ ...options, offline: true }),
      impatient: connectHub({ ...options, forMs: 0 }),
      onCached: () => (told += 1),
    },
  });
  await expect(survey).rejects.toMatchObject({ code: "hub.unreachable", exitCode: 5 });
  expect(told).toBe(0);
});
