import { expect, test } from "vitest";
import type { BackgroundSeen, StatusRead } from "../../../src/run/events/reports.ts";
import { modelStateText } from "../../../src/ui/messages/cache.ts";
import { cachedText, downloadText, planLines } from "../../../src/ui/messages/plan.ts";
import { statusSentence } from "../../../src/ui/messages/reports.ts";
import { initialState, reduce, type RunState } from "../../../src/run/state/state.ts";
import { healthWords } from "../../../src/ui/messages/stack.ts";
import { recording } from "../recordings.ts";
import type { HerosEvent, TimedEvent } from "../../../src/run/event.ts";
import { imageSentence, imageTitle, notPausedText } from "../../../src/ui/messages/download.ts";

test.each([
  ["neo4j:5-community", "neo4j"],
  ["docker.io/library/redis:7@sha256:abc", "redis"],
  ["localhost:5000/annie", "annie"],
  ["ghcr.io/her-os/her-os-core:1.4", "her-os-core"],
])("%s is called %s", (image, title) => {
  expect(imageTitle(image, [{ image }])).toBe(title);
});

test("images that end alike are told apart", () => {
  const named = (...images: readonly string[]) =>
    images.map((image) =>
      imageTitle(
        image,
        images.map((each) => ({ image: each })),
      ),
    );
  expect(named("a.io/x/core:1", "b.io/y/core:1")).toEqual(["a.io/x/core", "b.io/y/core"]);
  expect(named("redis:6", "redis:7")).toEqual(["redis:6", "redis:7"]);
});

function planned() {
  const plan = recording("first-boot").find((event) => event.type === "plan.ready");
  if (plan === undefined) throw new Error("no plan");
  const [first, ...others] = plan.images ?? [];
  if (first === undefined) throw new Error("no images");
  const models = {
    folder: plan.cacheDir,
    what: ["models", "images"],
    neededBytes: 3.38e9,
  } as const;
  const docker = { folder: "/var/lib/docker", what: ["images"], neededBytes: 11.4e9 } as const;
  // One that is cached, the link measured, and Docker on a disk of its own.
  return {
    ...plan,
    images: [{ ...first, cachedBytes: first.totalBytes }, ...others],
    bytesPerSecond: 10e6,
    disks: [
      { ...models, freeBytes: 82e9, estimated: false },
      { ...docker, freeBytes: 310e9, estimated: true },
    ],
  };
}

test("a model in the image is named as such, and not counted as a download", () => {
  const { models, ...plan } = planned();
  const [first, ...others] = models;
  if (first === undefined) throw new Error("no models");
  const inImage = { ...first, totalBytes: 0, cachedBytes: 0, baked: true } as const;
  const lines = planLines({ ...plan, models: [inImage, ...others] });
  expect(lines).toContainEqual(
    expect.stringMatching(/^Models: Qwen3 Embedding 0\.6B \(in the image\), GLiNER/),
  );
  expect(lines).toContainEqual(expect.stringMatching(/^Download: 2 models and 6 images/));
  expect(cachedText(inImage)).toBe("in the image");
  const cached = { ...inImage, repo: "o/a", receivedBytes: 0, path: null };
  expect(modelStateText({ ...cached, state: "baked" })).toBe("in the image");
});

test("a plan tells sizes and time of models and images, and what each disk has and needs", () => {
  const lines = planLines(planned());
  expect(lines).toContainEqual(
    expect.stringMatching(/^Images: postgres 2\.25 MB, .*; about \S+ MB unpacked \(estimate\)$/),
  );
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^Download: 3 models and 6 images, 131 MB to download, about \d+ s, 2\.25 MB already cached$/,
    ),
  );
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^Models: Qwen3 Embedding 0\.6B 6\.05 MB, .* and Whisper large v3 15\.6 MB$/,
    ),
  );
  expect(lines).toContain("Memory: 10.4 of 121.6 GiB");
  expect(lines.filter((line) => line.startsWith("Disk: "))).toEqual([
    "Disk: 3.38 GB for models and images, 82.0 GB free",
    "Disk: about 11.4 GB for images (estimate), 310 GB free: /var/lib/docker",
  ]);
  // Each folder is told once.
  expect(lines.filter((line) => line.includes("/home/ada/.cache/huggingface/hub"))).toEqual([
    "Model folder: /home/ada/.cache/huggingface/hub",
  ]);
});

test("where images are known, no review speaks of any that may be missing", () => {
  const { images, ...without } = planned();
  expect(images).toHaveLength(6);
  expect(downloadText(planned(), 315e5)).toMatch(/^131 MB, about 5 s \(2\.25 MB cached\)$/);
  expect(downloadText(without, null)).toMatch(/^25\.5 MB, plus any missing container images$/);
});

test("a status tells of the images that a run in the background still waits for", () => {
  const background: BackgroundSeen = {
    command: "setup",
    pid: 7,
    startedAt: "2026-11-26T20:00:00Z",
    record: "/r",
    state: "running",
    elapsedSeconds: 60,
    stage: "download",
    progress: { receivedBytes: 0, totalBytes: 1.02e8, bytesPerSecond: 9.28e6, etaSeconds: 35 },
    images: [
      { image: "neo4j:5", phase: "unpacking", receivedBytes: 9e7, totalBytes: 3.02e8 },
      { image: "ghcr.io/a/core:1", phase: "downloading", receivedBytes: 9e9, totalBytes: 18e9 },
    ],
    closing: null,
  };
  const event: StatusRead = {
    type: "status.read",
    annie: "absent",
    url: "http://127.0.0.1:8000",
    health: "unreachable",
    capabilities: {},
    lacking: [],
    loading: {},
    tiers: [1],
    cacheDir: "/c",
    models: [],
    receivedBytes: 0,
    totalBytes: 0,
    interrupted: false,
    background,
  };
  const lines = ({ more }: { readonly more: readonly string[] }) => more.slice(-7, -1);
  expect(lines(statusSentence(event, { stack: null }))).toEqual([
    "In the background: heros setup (PID 7), running for 1 min 00 s",
    "  Downloading the models and images.",
    "  Models: 0 B of 102 MB (0%)",
    "  Image neo4j: unpacking, 90 of 302 MB",
    "  Image core: downloading, 9.0 of 18.0 GB",
    "  Total: 9.28 MB/s, about 35 s left",
  ]);
  const alone = statusSentence(
    { ...event, background: { ...background, images: [] } },
    { stack: null },
  );
  expect(alone.more).toContain("  Models: 0 B of 102 MB (0%), 9.28 MB/s, about 35 s left");
  expect(alone.more).toContain("  Downloading the models.");
});

const pulled = {
  image: "redis:7",
  digest: "",
  services: ["redis"],
  totalBytes: 0,
  cachedBytes: 0,
  unpackedBytes: 0,
  neededForOnline: true,
  way: "pull",
} as const;
const first = { type: "image.progress", image: "redis:7", phase: "downloading" } as const;

function told(...events: readonly HerosEvent[]): { state: RunState; last: TimedEvent | null } {
  const timed = events.map((event, index): TimedEvent => ({ v: 1, at: index, ...event }));
  return { state: timed.reduce(reduce, initialState), last: timed.at(-1) ?? null };
}

test("of an image whose size nobody knows none is told", () => {
  const unsized = told({ type: "image.planned", ...pulled });
  const begun = told(
    { type: "image.planned", ...pulled },
    { ...first, receivedBytes: 0, totalBytes: 0 },
  );
  const texts = [unsized, begun].map(({ state, last }) =>
    last?.type === "image.planned" || last?.type === "image.progress"
      ? imageSentence(last, state)?.text
      : null,
  );
  expect(texts).toEqual(["Image redis: its size is unknown.", "Downloading image redis."]);
});

test("a pause says which images Docker keeps downloading", () => {
  const { state } = told(
    { type: "image.planned", ...pulled },
    { type: "image.planned", ...pulled, image: "neo4j:5", services: ["neo4j"], way: "registry" },
    { ...first, receivedBytes: 1, totalBytes: 2 },
    { ...first, image: "neo4j:5", receivedBytes: 1, totalBytes: 2 },
    { type: "container.changed", service: "kokoro", state: "pulling" },
  );
  expect(notPausedText(state)).toBe("Docker keeps downloading images (redis, kokoro).");
});

test("Annie's row names the image that is built, and its step", () => {
  const changed = { v: 1, at: 1, type: "container.changed" } as const;
  const state = [
    { ...changed, service: "postgres", state: "created" } as const,
    { ...changed, service: "app", state: "building", step: 2, steps: 4 } as const,
  ].reduce(reduce, initialState);
  expect(healthWords(state)).toBe(
    "is waiting for app (building its image, step 2 of 4) and 1 more container",
  );
});

test("Annie's row says of an image that a pause holds that it is paused, and not of one that Docker pulls", () => {
  const byDocker = { type: "image.planned", ...pulled } as const;
  const { state } = told(
    byDocker,
    { ...byDocker, image: "neo4j:5", services: ["neo4j"], way: "registry" },
    { ...first, receivedBytes: 1, totalBytes: 2 },
    { ...first, image: "neo4j:5", receivedBytes: 1, totalBytes: 2 },
    { type: "download.paused" },
  );
  expect(healthWords(state)).toBe("is waiting for redis (downloading) and neo4j (paused)");
});

test("a plan that leaves little of a disk says how much", () => {
  const disk = { folder: "/d", what: ["models"], estimated: false } as const;
  const lines = planLines({
    ...planned(),
    disks: [
      { ...disk, neededBytes: 18e9, freeBytes: 22e9 },
      { ...disk, neededBytes: 17e9, freeBytes: 22e9 },
    ],
  });
  expect(lines.filter((line) => line.startsWith("Disk: "))).toEqual([
    "Disk: 18.0 GB for models, 22.0 GB free, only 4.00 GB afterwards: /d",
    "Disk: 17.0 GB for models, 22.0 GB free: /d",
  ]);
});
