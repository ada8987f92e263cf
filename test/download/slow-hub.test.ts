import { expect, test } from "vitest";
import { model, openScene } from "./scene.ts";

const large = (id: string, sizeBytes: number) => ({
  id,
  files: [{ path: "model.safetensors", sizeBytes }],
});

test("a Hub that takes long to say where a file is, is waited for, whatever other files do meanwhile", async () => {
  let asked = 0;
  await using scene = await openScene({
    repos: [large("o/late", 900_000), large("o/quick", 4_000_000)],
    throttle: { bytesPerSecond: 4_000_000 },
    intercept: ({ origin, method, file }) => {
      const late = origin === "hub" && method === "GET" && file?.repo === "o/late";
      if (late) asked += 1;
      // By the host's clock, in which a connection is silent after ten seconds, these are eight.
      return late ? { delayMs: 800 } : undefined;
    },
  });
  const models = [model("late", "o/late"), model("quick", "o/quick")];
  await scene.pull(models, { tuning: { idleMs: 10_000, firstConnections: 8 } });
  expect(scene.of("model.ready")).toHaveLength(2);
  expect(scene.of("download.retrying")).toEqual([]);
  expect(asked).toBe(1);
});
