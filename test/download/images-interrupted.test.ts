import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { realFileLocks } from "../../src/host/file-locks.ts";
import type { Host } from "../../src/host/host.ts";
import { readBootId } from "../../src/host/process-table.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { type ByteRanges, countBytes } from "../../src/run/byte-ranges.ts";
import { isAbort } from "../../src/run/failure.ts";
import { createHashing } from "../../src/store/hashing.ts";
import { placeIn } from "../../src/store/images/keep-image.ts";
import { imagePlacesOf } from "../../src/store/images/manifests.ts";
import { readPartial } from "../../src/store/partial.ts";
import type { Image } from "../source/oci/images.ts";
import { Killed } from "../store/memory-disk.ts";
import { faultOf, type Life, livesWith, settingsOf } from "./lives.ts";
import { image, imageOf, type ImageScene, openImageScene } from "./image-scene.ts";
import { model, quickHost } from "./scene.ts";

const hashing = createHashing();
afterAll(() => hashing.close());

type Held = ReadonlyMap<string, ByteRanges>;

/** What the journals hold of an image's blobs, by their digests. */
async function heldOf(
  { cacheDir, host }: Pick<ImageScene, "cacheDir" | "host">,
  of: Image,
): Promise<Held> {
  const boot = await readBootId(host.files);
  const held = new Map<string, ByteRanges>();
  for (const { digest, bytes } of of.blobs) {
    const blob = { blobName: digest.replace("sha256:", ""), sizeBytes: bytes.length };
    const place = placeIn(imagePlacesOf(cacheDir), blob.blobName);
    held.set(digest, await readPartial(host.files, place, blob, boot));
  }
  return held;
}

/** Bytes that were asked for since then although they were held. */
function askedAgain(scene: ImageScene, held: Held): number {
  return scene
    .layerRequests()
    .flatMap(({ digest, range }) => {
      const [, start, last] = /^bytes=(\d+)-(\d+)$/u.exec(range ?? "") ?? [];
      return (held.get(digest) ?? []).map((each) =>
        Math.max(0, Math.min(Number(last) + 1, each.end) - Math.max(Number(start), each.start)),
      );
    })
    .reduce((sum, bytes) => sum + bytes, 0);
}

async function expectWhole(scene: ImageScene, name: string, of: Image): Promise<void> {
  const stored = await scene.images().readImage(scene.nameOf(name));
  expect(stored).toMatchObject({ isWhole: true });
  const paths = [stored?.configPath ?? "", ...(stored?.layerPaths ?? [])];
  for (const [index, { bytes, digest }] of of.blobs.entries()) {
    expect((await readFile(paths[index] ?? "")).equals(bytes), digest).toBe(true);
  }
}

test("killed with kill -9 again and again, an image goes on from what its journals hold", async () => {
  await using scene = await openImageScene();
  const large = imageOf({ a: 5_000_000, b: 3_000_000, c: 2_000_000, d: 3000 });
  scene.registry.push("her-os/core", "1", large);
  const program = new URL("fixtures/pull-image.ts", import.meta.url).pathname;
  const start = (): ReturnType<typeof spawn> =>
    spawn(process.execPath, [program, scene.folder, scene.nameOf("her-os/core:1"), "10000000"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  let held: Held = new Map();
  for (const share of [0.15, 0.5, 0.85]) {
    scene.registry.seen.length = 0;
    const child = start();
    if (child.stdout === null) throw new Error("no output");
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = JSON.parse(line) as HerosEvent;
      const reached = event.type === "image.progress" ? event.receivedBytes / event.totalBytes : 0;
      if (reached >= share) child.kill("SIGKILL");
    });
    await expect(once(child, "exit")).resolves.toEqual([null, "SIGKILL"]);
    expect(askedAgain(scene, held)).toBe(0);
    held = await heldOf(scene, large);
    const survey = await scene.surveyBoth({ images: [image("her-os/core:1")] });
    const [row] = survey.images;
    expect((row?.cachedBytes ?? 0) + (row?.resumedBytes ?? 0)).toBeGreaterThan(
      10_000_000 * share * 0.8,
    );
  }
  scene.registry.seen.length = 0;
  const last = start();
  last.stdout?.resume();
  await expect(once(last, "exit")).resolves.toEqual([0, null]);
  expect(askedAgain(scene, held)).toBe(0);
  await expectWhole(scene, "her-os/core:1", large);
});

const core = imageOf({ base: 600_000, core: 333_333, small: 5000 });
const weights = { path: "model.safetensors", sizeBytes: 200_000 };
const haste = 20;

interface ImageLife extends Life {
  /** The machine's power was cut after it: only what was synced is left to trust. */
  readonly powerCut: boolean;
}

const life: fc.Arbitrary<ImageLife> = fc.record({
  ...livesWith(200_000),
  powerCut: fc.boolean(),
});

test("wherever a pull of images and models is interrupted, by a kill, Ctrl-C or a power cut, it goes on to the same bytes", async () => {
  let answers = 0;
  let one: ImageLife | null = null;
  let stop = new AbortController();
  await using scene = await openImageScene({
    hub: { repos: [{ id: "o/m", files: [weights] }] },
    registry: {
      intercept({ url, range }) {
        if (!url.includes("/blobs/") || range === undefined) return undefined;
        answers += 1;
        if (one?.end === "stop" && answers > one.at * 12) stop.abort();
        return faultOf(one, answers, 9000);
      },
    },
  });
  scene.registry.push("her-os/core", "1", core);
  const real = quickHost(haste);
  let boots = 0;
  const readFileOf: Host["files"]["readFile"] = (async (...given: [string, "utf8"]) =>
    given[0].endsWith("boot_id") ? `boot ${boots}` : real.files.readFile(...given)) as never;
  const host: Host = {
    ...real,
    files: { ...real.files, readFile: readFileOf },
    fileLocks: { acquire: async () => "held", release: () => {}, close: () => {} },
  };
  const wanted = { images: [image("her-os/core:1")], models: [model("m", "o/m")] };

  async function live(): Promise<void> {
    answers = 0;
    stop = new AbortController();
    await scene.pullBoth(wanted, {
      ...settingsOf(one, { host, haste, calls: 90 }),
      signal: stop.signal,
      hashing,
    });
  }

  let interruptions = 0;
  let heldBytes = 0;
  const property = fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 3 }), async (all) => {
    await rm(scene.cacheDir, { recursive: true, force: true });
    for (const each of [...all, null]) {
      one = each;
      const held = await heldOf({ cacheDir: scene.cacheDir, host }, core);
      heldBytes += [...held.values()].reduce((sum, ranges) => sum + countBytes(ranges), 0);
      scene.registry.seen.length = 0;
      try {
        await live();
      } catch (error) {
        if (!(error instanceof Killed) && !isAbort(error)) throw error;
        interruptions += 1;
      }
      expect(askedAgain(scene, held)).toBe(0);
      if (each?.powerCut === true) boots += 1;
    }
    await expectWhole(scene, "her-os/core:1", core);
  });
  await fc.assert(property, { numRuns: 15 });
  real.network.close();
  // Else nothing was tried.
  expect(interruptions).toBeGreaterThan(5);
  expect(heldBytes).toBeGreaterThan(100_000);
});

const voice = imageOf({ base: 600_000, voice: 250_000 });
const both = [image("her-os/core:1"), image("acme/voice:1")];

/** Bytes of each blob that were asked for. */
function askedBytes(scene: ImageScene, of: readonly Image[]): Map<string, number> {
  const sizes = new Map(
    of.flatMap(({ blobs: [, ...layers] }) =>
      layers.map((each) => [each.digest, each.bytes.length]),
    ),
  );
  const asked = new Map<string, number>();
  for (const { digest, range } of scene.layerRequests()) {
    const [, start, last] = /^bytes=(\d+)-(\d+)$/u.exec(range ?? "") ?? [];
    const bytes = start === undefined ? (sizes.get(digest) ?? 0) : Number(last) + 1 - Number(start);
    if (sizes.has(digest)) asked.set(digest, (asked.get(digest) ?? 0) + bytes);
  }
  return asked;
}

test("two heros at once share the work: every layer comes once, and both have both images", async () => {
  await using scene = await openImageScene();
  scene.registry.push("her-os/core", "1", core);
  scene.registry.push("acme/voice", "1", voice);
  const second = { ...scene.host, fileLocks: realFileLocks(process.env) };
  const ready: string[] = [];
  const onImageVerified = ({ title }: { readonly title: string }): void => void ready.push(title);
  await Promise.all([
    scene.pullBoth({ images: both }, { maxConnections: 1, onImageVerified }),
    scene.pullBoth(
      { images: both.toReversed() },
      { maxConnections: 1, onImageVerified, host: second },
    ),
  ]);
  second.fileLocks.close();
  const layers = [core, voice].flatMap(({ blobs: [, ...all] }) => all);
  expect(askedBytes(scene, [core, voice])).toEqual(
    new Map(layers.map(({ digest, bytes }) => [digest, bytes.length])),
  );
  expect(ready).toHaveLength(4);
  for (const { path } of scene.of("download.blocked")) expect(path).toMatch(/^sha256:/);
});

test("who waits for another heros, which gives the image to Docker and removes it, fetches nothing of it again", async () => {
  const blocked = Promise.withResolvers<void>();
  const [, first] = core.blobs;
  await using scene = await openImageScene({
    registry: {
      intercept: ({ url, method }) =>
        method === "GET" && url.endsWith(first?.digest ?? "none")
          ? { until: blocked.promise }
          : undefined,
    },
  });
  scene.registry.push("her-os/core", "1", core);
  const wanted = { images: [image("her-os/core:1")] };
  const second = { ...scene.host, fileLocks: realFileLocks(process.env) };
  let inDocker = false;
  const handOver = async (): Promise<void> => {
    const store = scene.images();
    const stored = await store.readImage(scene.nameOf("her-os/core:1"));
    if (stored === null) return;
    expect(stored.isWhole).toBe(true);
    inDocker = true;
    await store.removeImage(stored, new AbortController().signal);
  };
  const waiting = Promise.withResolvers<void>();
  const tuning = { idleMs: 600_000 };
  await Promise.all([
    scene
      .pullBoth(wanted, {
        maxConnections: 1,
        tuning,
        onEvent: ({ type }) => type === "image.planned" && waiting.resolve(),
      })
      .then(handOver),
    waiting.promise.then(() =>
      scene.pullBoth(wanted, {
        host: second,
        maxConnections: 1,
        tuning,
        store: { isInEngine: async () => inDocker },
        onEvent: ({ type }) => type === "download.blocked" && blocked.resolve(),
      }),
    ),
  ]);
  second.fileLocks.close();
  const layers = core.blobs.slice(1);
  expect(askedBytes(scene, [core])).toEqual(
    new Map(layers.map(({ digest, bytes }) => [digest, bytes.length])),
  );
});
