import { expect, test } from "vitest";
import { measureSpeed } from "../../src/commands/setup/measure-speed.ts";
import { model, openScene } from "../download/scene.ts";

const repo = "org/model";
const models = [model("m", repo)];

test.each([400_000, null])("the speed is measured within a limit of %s", async (limit) => {
  await using scene = await openScene({
    repos: [{ id: repo, files: [{ path: "model.safetensors", sizeBytes: 4_000_000 }] }],
  });
  const hub = scene.hub();
  const rate = await measureSpeed({
    host: scene.host,
    hub,
    survey: await scene.survey(models, hub),
    limitBytesPerSecond: limit,
    signal: new AbortController().signal,
  });
  const most = limit ?? Number.POSITIVE_INFINITY;
  expect(rate).toBeGreaterThan(0);
  expect(rate).toBeLessThanOrEqual(most);
  expect(scene.served.sentBytes({ repo })).toBeLessThanOrEqual(most);
});
