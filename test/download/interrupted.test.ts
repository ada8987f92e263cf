import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { readBytes } from "../../src/demo/hub/content.ts";
import type { Fault } from "../../src/demo/hub/exchange.ts";
import { type ByteRanges, countBytes } from "../../src/run/byte-ranges.ts";
import { partialPaths, placesOf } from "../../src/store/hub-cache/layout.ts";
import { createHashing } from "../../src/store/hashing.ts";
import { readPartial } from "../../src/store/partial.ts";
import type { Host } from "../../src/host/host.ts";
import { isAbort } from "../../src/run/failure.ts";
import { askedAgain } from "./asked-again.ts";
import { Killed } from "../store/memory-disk.ts";
import { faultOf, type Life, livesWith, settingsOf } from "./lives.ts";
import { model, openScene, quickHost, type Scene } from "./scene.ts";
import { readBootId } from "../../src/host/process-table.ts";

const repo = "org/model";
const files = [
  { path: "a.safetensors", sizeBytes: 900_000 },
  { path: "b.safetensors", sizeBytes: 333_333 },
  { path: "config.json", sizeBytes: 5000 },
];
const haste = 20;
const hashing = createHashing();
afterAll(() => hashing.close());

const life: fc.Arbitrary<Life> = fc.record(livesWith(300_000));

/** What the journals hold, by the path of the file. */
async function heldOf({ served, cacheDir, host }: Scene): Promise<Map<string, ByteRanges>> {
  const boot = await readBootId(host.files);
  const held = new Map<string, ByteRanges>();
  for (const { path } of files) {
    const { blobName, sizeBytes } = await served.file(repo, path).identify();
    const blob = { blobName, sizeBytes };
    held.set(
      path,
      await readPartial(host.files, partialPaths(placesOf(cacheDir, repo), blobName), blob, boot),
    );
  }
  return held;
}

/** One run of the engine, to its end or until it is ended. */
async function live(scene: Scene, host: Host, one: Life | null): Promise<void> {
  const stop = new AbortController();
  let answers = 0;
  const fault = (): Fault | undefined => {
    answers += 1;
    if (one?.end === "stop" && scene.served.sentBytes() > one.at * 1_200_000) stop.abort();
    return faultOf(one, answers, 10_000);
  };
  scene.served.setIntercept(({ origin }) => (origin === "content" ? fault() : undefined));
  await scene.pull([model("m", repo)], {
    ...settingsOf(one, { host, haste, calls: 80 }),
    signal: stop.signal,
    hashing,
  });
}

test("wherever a pull is interrupted, it goes on to the same bytes, and nothing the journal held is asked for again", async () => {
  await using scene = await openScene({ repos: [{ id: repo, files }] });
  const real = quickHost(haste);
  const host: Host = {
    ...real,
    fileLocks: { acquire: async () => "held", release: () => {}, close: () => {} },
  };
  let interruptions = 0;
  let heldBytes = 0;
  const property = fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 3 }), async (all) => {
    await rm(scene.cacheDir, { recursive: true, force: true });
    for (const one of [...all, null]) {
      const held = await heldOf(scene);
      heldBytes += [...held.values()].reduce((sum, ranges) => sum + countBytes(ranges), 0);
      scene.served.forgetRequests();
      try {
        await live(scene, host, one);
      } catch (error) {
        if (!(error instanceof Killed) && !isAbort(error)) throw error;
        interruptions += 1;
      }
      expect(askedAgain(scene.served.requests, (path) => held.get(path) ?? [])).toBe(0);
    }
    const folder = join(scene.cacheDir, "models--org--model/snapshots", scene.served.commit(repo));
    for (const { path } of files) {
      const truth = readBytes(scene.served.file(repo, path).source);
      expect((await readFile(join(folder, path))).equals(truth), path).toBe(true);
    }
  });
  await fc.assert(property, { numRuns: 25 });
  real.network.close();
  // Else nothing was tried.
  expect(interruptions).toBeGreaterThan(5);
  expect(heldBytes).toBeGreaterThan(100_000);
});
