import type { HerosEvent, TimedEvent } from "../../src/run/event.ts";
import type { ImageLabel } from "../../src/run/events/download.ts";
import { createImageReporter } from "../../src/run/images-state.ts";

const linkSpeed = 315e6;

/** An image, the moments between which it is downloaded, and how long Docker unpacks it. */
interface ScriptedImage {
  readonly image: string;
  readonly service: string;
  readonly totalBytes: number;
  readonly cachedBytes?: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly unpackingMs: number;
  readonly neededForOnline?: false;
}

const images: readonly ScriptedImage[] = [
  {
    image: "postgres:16-alpine",
    service: "postgres",
    totalBytes: 108e6,
    cachedBytes: 108e6,
    fromMs: 0,
    toMs: 0,
    unpackingMs: 0,
  },
  {
    image: "redis:7-alpine",
    service: "redis",
    totalBytes: 17e6,
    fromMs: 0,
    toMs: 600,
    unpackingMs: 400,
  },
  {
    image: "neo4j:5-community",
    service: "neo4j",
    totalBytes: 302e6,
    fromMs: 200,
    toMs: 3200,
    unpackingMs: 1600,
  },
  {
    image: "docker.io/qdrant/qdrant:v1.12",
    service: "qdrant",
    totalBytes: 68e6,
    cachedBytes: 20e6,
    fromMs: 600,
    toMs: 1800,
    unpackingMs: 900,
  },
  {
    image: "ghcr.io/her-os/her-os-core:1.4",
    service: "her-os-core",
    totalBytes: 1_840e6,
    fromMs: 800,
    toMs: 6800,
    unpackingMs: 3400,
  },
  {
    image: "ghcr.io/remsky/kokoro-fastapi-gpu:v0.2",
    service: "kokoro",
    totalBytes: 940e6,
    fromMs: 7000,
    toMs: 11_200,
    unpackingMs: 1800,
    neededForOnline: false,
  },
];

const annieTypes = new Set<HerosEvent["type"]>([
  "container.changed",
  "container.failed",
  "annie.health",
  "annie.online",
  "capability.ready",
  "run.succeeded",
]);

/**
 * A recorded setup as it is where the images are downloaded beside the models: Annie's containers start once hers are unpacked.
 * The events of the images are told by what tells them in a run.
 */
export function addImages(events: readonly TimedEvent[]): TimedEvent[] {
  const begin = events.find(({ type }) => type === "download.planned")?.at ?? 0;
  const delayMs = Math.max(...images.map(endMs)) + 200;
  const downloadedMs = Math.max(...images.map(({ toMs }) => toMs)) + begin;
  const late = events.map((event) => {
    if (isAnnies(event)) return delayed(event, delayMs);
    return isEndOfDownload(event) ? endedAt(event, downloadedMs) : event;
  });
  const ended = late.at(-1)?.at ?? 0;
  const told = [...late.map(withPlan), ...furtherProgress(events, downloadedMs)];
  return [...told.map((event) => withTimes(event, begin)), ...imageEvents(begin)]
    .filter(({ at }) => at <= ended)
    .toSorted((a, b) => a.at - b.at);
}

function isAnnies(event: TimedEvent): boolean {
  return annieTypes.has(event.type) || (event.type === "stage.finished" && event.stage === "annie");
}

function withPlan(event: TimedEvent): TimedEvent {
  if (event.type !== "plan.ready") return event;
  const planned = images.map((each) => {
    const { totalBytes, cachedBytes = 0 } = each;
    return { ...labelOf(each), totalBytes, cachedBytes };
  });
  const stored = planned.reduce(
    (sum, { totalBytes, unpackedBytes }) => sum + totalBytes + unpackedBytes,
    0,
  );
  const models = { folder: event.cacheDir, what: ["models", "images"] as const, freeBytes: 82e9 };
  const docker = { folder: "/var/lib/docker", what: ["images"] as const, freeBytes: 310e9 };
  const compressed = planned.reduce((sum, { totalBytes }) => sum + totalBytes, event.totalBytes);
  return {
    ...event,
    images: planned,
    disks: [
      { ...models, neededBytes: compressed, estimated: false },
      { ...docker, neededBytes: stored, estimated: true },
    ],
    bytesPerSecond: linkSpeed,
  };
}

/** The models are there, and images still come. */
function furtherProgress(events: readonly TimedEvent[], untilMs: number): TimedEvent[] {
  const last = events.findLast((event) => event.type === "download.progress");
  if (last === undefined) return [];
  const count = Math.max(0, Math.floor((untilMs - last.at) / 250));
  return Array.from({ length: count }, (_, index) => ({
    ...last,
    at: last.at + index * 250 + 125,
    bytesPerSecond: linkSpeed,
    etaSeconds: 0,
  }));
}

function isEndOfDownload(event: TimedEvent): boolean {
  return (
    event.type === "download.finished" ||
    (event.type === "stage.finished" && event.stage === "download")
  );
}

function endedAt(event: TimedEvent, at: number): TimedEvent {
  if (event.type !== "download.finished") return { ...event, at };
  const bytes = images.reduce((sum, each) => sum + each.totalBytes - (each.cachedBytes ?? 0), 0);
  const elapsedMs = event.elapsedMs + at - event.at;
  return { ...event, at, elapsedMs, fetchedBytes: event.fetchedBytes + bytes };
}

function delayed(event: TimedEvent, delayMs: number): TimedEvent {
  const at = event.at + delayMs;
  return event.type === "annie.online" || event.type === "run.succeeded"
    ? { ...event, at, elapsedMs: event.elapsedMs + delayMs }
    : { ...event, at };
}

function imageEvents(begin: number): TimedEvent[] {
  const told: TimedEvent[] = [];
  let at = begin;
  const emit = (event: HerosEvent): void => void told.push({ v: 1, at, ...event });
  for (const each of images) {
    const { totalBytes, cachedBytes = 0 } = each;
    emit({ type: "image.planned", ...labelOf(each), totalBytes, cachedBytes });
  }
  const reporter = createImageReporter(emit);
  const last = Math.max(...images.map(endMs));
  for (let ms = 0; ms <= last + 1000; ms += 100) {
    at = begin + ms;
    for (const each of images) {
      const { image, fromMs, toMs, unpackingMs, totalBytes } = each;
      if (ms > fromMs && ms < endMs(each)) {
        reporter.note(
          ms < toMs
            ? { image, phase: "downloading", receivedBytes: receivedOf(each, ms), totalBytes }
            : {
                image,
                phase: "unpacking",
                receivedBytes: Math.round((totalBytes * (ms - toMs)) / unpackingMs),
                totalBytes,
              },
        );
      }
    }
    reporter.tick(at);
    for (const each of images) {
      const { image, digest } = labelOf(each);
      if (ms === endMs(each)) reporter.ready({ image, digest });
    }
  }
  return told;
}

function endMs({ toMs, unpackingMs }: ScriptedImage): number {
  return toMs + unpackingMs;
}

function receivedOf({ totalBytes, cachedBytes = 0, fromMs, toMs }: ScriptedImage, ms: number) {
  const share = toMs <= fromMs ? 1 : Math.min(1, Math.max(0, (ms - fromMs) / (toMs - fromMs)));
  return Math.round(cachedBytes + (totalBytes - cachedBytes) * share);
}

function labelOf(each: ScriptedImage): ImageLabel {
  return {
    image: each.image,
    digest: `sha256:${Buffer.from(each.service).toString("hex").padEnd(64, "0").slice(0, 64)}`,
    services: [each.service],
    unpackedBytes: each.totalBytes * 2.5,
    neededForOnline: each.neededForOnline ?? true,
    way: "registry",
  };
}

/** The speed is that of models and images, and so are the times. */
function withTimes(event: TimedEvent, begin: number): TimedEvent {
  if (event.type !== "download.progress") return event;
  const ms = event.at - begin;
  const missing = (chosen: readonly ScriptedImage[]): number =>
    chosen.reduce((sum, each) => sum + each.totalBytes - receivedOf(each, ms), 0);
  const [first] = event.models;
  const models = event.totalBytes - event.receivedBytes;
  const needed = first === undefined ? 0 : first.totalBytes - first.receivedBytes;
  const seconds = (bytes: number): number => Math.round(bytes / (linkSpeed / 10)) / 10;
  return {
    ...event,
    bytesPerSecond: event.bytesPerSecond === 0 ? 0 : linkSpeed,
    etaSeconds: event.etaSeconds === null ? null : seconds(models + missing(images)),
    onlineEtaSeconds:
      event.etaSeconds === null
        ? null
        : seconds(needed + missing(images.filter((each) => each.neededForOnline !== false))),
  };
}
