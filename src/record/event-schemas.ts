import { z } from "zod";
import type { TimedEvent } from "../run/event.ts";
import { stages } from "../run/events/run.ts";
import { containerStates } from "../run/events/stack.ts";
import { exitCodes } from "../run/failure.ts";

const { string, boolean, number, array: arrayOf, record: recordOf } = z;
/** What later versions may add to it is left where it is. */
export const object = z.looseObject;
export const text = string();
export const count = number();
export const yesNo = boolean();
export const orNull = <Kind extends z.ZodType>(kind: Kind) => kind.nullable();
export const stage = z.enum(stages);
const exitCode = z.literal(Object.values(exitCodes));
export const action = z.enum(["created", "updated", "unchanged"]);
export const checkStatus = z.enum(["ok", "warning", "failed"]);
const background = object({ pid: count }).exactOptional();

export const containerState = z.enum(containerStates);

export const annieModels = recordOf(
  text,
  object({ status: text, source: text.exactOptional(), progress: text.exactOptional() }),
);

export const progress = object({
  receivedBytes: count,
  totalBytes: count,
  bytesPerSecond: count,
  etaSeconds: orNull(count),
});

export const modelsProgress = arrayOf(
  progress.extend({
    id: text,
    title: text,
    tier: count,
    state: z.enum([
      "waiting",
      "downloading",
      "retrying",
      "verifying",
      "repairing",
      "ready",
      "failed",
    ]),
    verifiedBytes: count,
  }),
);

export const listedModels = arrayOf(
  object({
    id: text,
    title: text,
    tier: count,
    purpose: text,
    repo: text,
    state: z.enum(["here", "partly", "missing", "unknown"]),
    totalBytes: orNull(count),
    receivedBytes: count,
    path: orNull(text),
  }),
);

const plannedImage = object({
  image: text,
  digest: text,
  services: arrayOf(text),
  totalBytes: count,
  cachedBytes: count,
  unpackedBytes: count,
  neededForOnline: yesNo,
  way: z.enum(["registry", "load", "pull"]),
});

const imageProgress = object({
  image: text,
  phase: z.enum(["downloading", "unpacking"]),
  receivedBytes: count,
  totalBytes: count,
});

const listedImage = object({
  image: text,
  services: arrayOf(text),
  state: z.enum(["here", "stored", "partly", "missing", "unknown"]),
  totalBytes: orNull(count),
  receivedBytes: count,
});

const plannedDisk = object({
  folder: text,
  what: arrayOf(z.enum(["models", "images"])),
  neededBytes: count,
  freeBytes: count,
  estimated: yesNo,
});

export const prunedFile = object({
  kind: z.enum(["partial", "damaged", "blob", "incomplete", "transient", "passing"]),
  repo: text,
  file: text,
  bytes: count,
});

export const machine = object({
  arch: text,
  product: orNull(text),
  spark: yesNo,
  cpuCount: count,
  gpu: orNull(
    object({
      name: text,
      driver: orNull(text),
      computeCapability: orNull(text),
      unified: yesNo,
      memoryBytes: orNull(count),
    }),
  ),
  memoryBytes: count,
  memoryAvailableBytes: count,
  disks: arrayOf(
    object({
      purpose: z.enum(["models", "images", "stack"]),
      path: text,
      device: orNull(text),
      deviceModel: orNull(text),
      nvme: orNull(yesNo),
      freeBytes: count,
      totalBytes: count,
    }),
  ),
  docker: orNull(
    object({
      engineVersion: orNull(text),
      composeVersion: orNull(text),
      rootDir: orNull(text),
      gpuAccess: z.enum(["cdi", "runtime", "none"]),
    }),
  ),
  ports: arrayOf(object({ port: count, free: yesNo })),
  hub: object({ endpoint: text, reachable: yesNo, elapsedMs: orNull(count) }),
});

export const succeeded = object({
  command: text,
  elapsedMs: count,
  summary: arrayOf(text),
  background,
});
export const failed = object({
  code: text,
  message: text,
  hint: text,
  exitCode,
  stack: text.exactOptional(),
});
export const cancelled = object({
  exitCode: z.literal(exitCodes.interrupted),
  hint: text,
  background,
});

const { array, record } = z;

/** An event of this type, with what later versions may have added to it. */
type Schemas = {
  readonly [Type in TimedEvent["type"]]: z.ZodType<
    Omit<Extract<TimedEvent, { type: Type }>, "v" | "at" | "type">
  >;
};

/** What each type of event of version 1 holds; the compiler sees to it that none is left out. */
export const eventSchemas: Schemas = {
  "run.started": object({
    command: text,
    herosVersion: text,
    demo: yesNo,
    stages: array(stage),
  }),
  "stage.started": object({ stage }),
  "stage.finished": object({ stage, outcome: z.enum(["done", "skipped", "failed"]) }),
  notice: object({
    level: z.enum(["info", "warning"]),
    code: text,
    message: text,
    hint: text.exactOptional(),
  }),
  "hub.waiting": object({ reason: text, attempt: count, delayMs: count, leftMs: count }),
  "registry.waiting": object({
    registry: text,
    reason: text,
    attempt: count,
    delayMs: count,
    leftMs: count,
  }),
  "run.succeeded": succeeded,
  "run.failed": failed,
  "run.cancelled": cancelled,
  "check.started": object({ id: text, title: text }),
  "check.finished": object({
    id: text,
    title: text,
    status: checkStatus,
    code: text.exactOptional(),
    found: text,
    remedy: text.exactOptional(),
    elapsedMs: count,
  }),
  "machine.detected": machine,
  "checks.listed": object({ checks: array(object({ id: text, title: text, why: text })) }),
  "plan.ready": object({
    dryRun: yesNo,
    tiers: array(count),
    models: array(
      object({
        id: text,
        title: text,
        purpose: text,
        tier: count,
        totalBytes: count,
        cachedBytes: count,
      }),
    ),
    capabilities: array(text).exactOptional(),
    totalBytes: count,
    cachedBytes: count,
    images: array(plannedImage).exactOptional(),
    disks: array(plannedDisk).exactOptional(),
    memory: object({ neededBytes: count, totalBytes: count, ofGpu: yesNo }).exactOptional(),
    bytesPerSecond: count.exactOptional(),
    startup: z.enum(["progressive", "wait"]),
    cacheDir: text,
    stackDir: text,
    endpoint: text,
    token: z.enum(["none", "environment", "hub-file", "kept", "token-file", "pasted"]),
    tokenKept: yesNo.exactOptional(),
    answerLines: array(text).exactOptional(),
    files: array(
      object({
        path: text,
        action,
        diff: text.exactOptional(),
        backupPath: text.exactOptional(),
      }),
    ),
    services: array(text),
    agreedAtMs: count.exactOptional(),
  }),
  "file.written": object({ path: text, action, backupPath: text.exactOptional() }),
  "stack.command": object({ command: text }),
  "container.changed": object({
    service: text,
    state: containerState,
    exitCode: count.exactOptional(),
    receivedBytes: count.exactOptional(),
    totalBytes: count.exactOptional(),
    step: count.exactOptional(),
    steps: count.exactOptional(),
    silentMs: count.exactOptional(),
    registry: text.exactOptional(),
    unanswered: yesNo.exactOptional(),
  }),
  "container.failed": object({
    service: text,
    state: containerState,
    exitCode: orNull(count),
    logLines: array(text),
  }),
  "download.planned": object({
    files: count,
    totalBytes: count,
    cachedBytes: count,
    resumedBytes: count,
    freeBytes: count,
  }),
  "download.progress": progress.extend({
    verifiedBytes: count,
    onlineEtaSeconds: orNull(count).exactOptional(),
    lanes: count,
    models: modelsProgress,
  }),
  "download.retrying": object({
    model: text.exactOptional(),
    image: text.exactOptional(),
    repo: text,
    path: text,
    reason: text,
    attempt: count,
    delayMs: count,
    scope: z.enum(["lane", "file", "all"]).exactOptional(),
  }),
  "download.blocked": object({
    model: text.exactOptional(),
    image: text.exactOptional(),
    repo: text,
    path: text,
    holder: orNull(text),
  }),
  "download.paused": object({}),
  "download.resumed": object({}),
  "file.started": object({ repo: text, path: text, totalBytes: count, resumedBytes: count }),
  "file.verified": object({ repo: text, path: text, sha256: text, bytes: count }),
  "model.ready": object({
    id: text,
    title: text.exactOptional(),
    repo: text,
    revision: text,
    path: text,
  }),
  "download.finished": object({ fetchedBytes: count, elapsedMs: count }),
  "image.planned": plannedImage,
  "image.progress": imageProgress,
  "image.ready": object({ image: text, digest: text }),
  "models.listed": object({ cacheDir: text, models: listedModels }),
  "verify.progress": object({
    checkedFiles: count,
    files: count,
    checkedBytes: count,
    totalBytes: count,
    bytesPerSecond: count,
    etaSeconds: orNull(count),
    models: modelsProgress,
  }),
  "file.damaged": object({
    models: array(text),
    repo: text,
    path: text,
    file: text,
    reason: z.enum(["missing", "link", "size", "hash", "unreadable"]),
    expected: text,
    found: orNull(text),
  }),
  "verify.finished": object({ files: count, bytes: count, damaged: count, elapsedMs: count }),
  "prune.planned": object({
    cacheDir: text,
    dryRun: yesNo,
    bytes: count,
    files: array(prunedFile),
    kept: array(object({ file: text, reason: text })),
  }),
  "file.removed": prunedFile,
  "upgrade.checked": object({ current: text, latest: text }),
  "upgrade.changes": object({ from: text, to: text, lines: arrayOf(text), omitted: count }),
  "version.read": object({
    version: text,
    platform: text,
    commit: orNull(text),
    folder: text,
    channel: z.enum(["stable", "beta", "npm", "checkout"]),
  }),
  "annie.health": object({
    status: text,
    capabilities: record(text, yesNo),
    models: annieModels,
  }),
  "annie.online": object({ elapsedMs: count, url: text }),
  "capability.ready": object({ name: text, message: text }),
  "status.read": object({
    annie: z.enum(["online", "degraded", "starting", "absent"]),
    url: text,
    setUp: yesNo.exactOptional(),
    health: text,
    capabilities: record(text, yesNo),
    lacking: array(text),
    loading: annieModels,
    tiers: array(count),
    cacheDir: text,
    models: listedModels,
    receivedBytes: count,
    totalBytes: count,
    images: array(listedImage).exactOptional(),
    interrupted: yesNo,
    background: orNull(
      object({
        command: z.enum(["setup", "pull"]),
        pid: count,
        startedAt: text,
        record: text,
        state: z.enum(["running", "ended", "lost"]),
        elapsedSeconds: orNull(count),
        stage: orNull(stage),
        progress: orNull(progress),
        images: array(imageProgress).exactOptional(),
        closing: orNull(
          z.discriminatedUnion("type", [
            succeeded.extend({ type: z.literal("run.succeeded") }),
            failed.extend({ type: z.literal("run.failed") }),
            cancelled.extend({ type: z.literal("run.cancelled") }),
          ]),
        ),
      }),
    ),
  }),
};
