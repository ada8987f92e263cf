import { expect, test, vi } from "vitest";
import { type HandedImage, openHandOver } from "../../src/docker/hand-over.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { createImageReporter } from "../../src/run/state/images-state.ts";
import { quickHost } from "../download/scene.ts";

const part = { digest: `sha256:${"a".repeat(64)}`, sizeBytes: 10 };
const image: HandedImage = {
  name: "heros.example/one:1",
  fullName: "heros.example/one:1",
  coming: new Set([part.digest]),
  engineId: null,
  way: "load",
  neededForOnline: true,
  platform: null,
  digest: part.digest,
  manifestDigest: part.digest,
  mediaType: "",
  index: null,
  manifest: Buffer.from("{}"),
  config: part,
  layers: [part],
};

test("that Docker unpacks an image is told although there was no turn for it, and Docker says nothing", async () => {
  const events: HerosEvent[] = [];
  const reporter = createImageReporter((event) => void events.push(event));
  const quick = quickHost();
  const loaded = Promise.withResolvers<void>();
  const host = {
    ...quick,
    processes: {
      ...quick.processes,
      async run() {
        await loaded.promise;
        return { exitCode: 0, stdout: "", stderr: "", timedOut: false, missing: false };
      },
    },
  };
  for (let told = 0; told < 5; told += 1) {
    reporter.note({ image: `${told}`, phase: "downloading", receivedBytes: 10, totalBytes: 10 });
    reporter.tick(host.clock.monotonicMs());
  }
  const handOver = openHandOver({
    host,
    emit: (event) => void events.push(event),
    signal: new AbortController().signal,
    images: [image],
    pathOf: () => "/nowhere",
    present: image.coming,
    reporter,
    onHanded: async () => {},
  });
  await vi.waitFor(() =>
    expect(events).toContainEqual({
      type: "image.progress",
      image: image.name,
      phase: "unpacking",
      receivedBytes: 0,
      totalBytes: 10,
    }),
  );
  loaded.resolve();
  expect(await handOver.handed(image.name)).toBe(true);
  await handOver.close();
});
