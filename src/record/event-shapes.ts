import { z } from "zod";
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
export const checkStatus = z.enum(["ok", "warning", "failed", "skipped"]);
const background = object({ pid: count }).exactOptional();

export const containerState = z.enum(containerStates);

export const stackModels = recordOf(
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
    state: z.enum(["here", "baked", "partly", "missing", "unknown"]),
    totalBytes: orNull(count),
    receivedBytes: count,
    path: orNull(text),
  }),
);

export const plannedImage = object({
  image: text,
  digest: text,
  services: arrayOf(text),
  totalBytes: count,
  cachedBytes: count,
  unpackedBytes: count,
  neededForOnline: yesNo,
  way: z.enum(["registry", "load", "pull"]),
});

export const imageProgress = object({
  image: text,
  phase: z.enum(["downloading", "unpacking"]),
  receivedBytes: count,
  totalBytes: count,
});

export const listedImage = object({
  image: text,
  services: arrayOf(text),
  state: z.enum(["here", "stored", "partly", "missing", "unknown"]),
  totalBytes: orNull(count),
  receivedBytes: count,
});

export const plannedDisk = object({
  folder: text,
  what: arrayOf(z.enum(["models", "images"])),
  neededBytes: count,
  freeBytes: count,
  estimated: yesNo,
});

export const prunedFile = object({
  kind: z.enum([
    "partial",
    "damaged",
    "blob",
    "incomplete",
    "transient",
    "passing",
    "revision",
    "model",
  ]),
  repo: text,
  file: text,
  bytes: count,
});

export const catalogSummary = object({
  name: text,
  stack: text,
  title: text,
  groups: arrayOf(
    object({
      id: text,
      title: text,
      priority: count,
      required: yesNo,
      default: yesNo,
      models: arrayOf(text),
    }),
  ),
  services: arrayOf(text),
  models: count,
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
      count: count.exactOptional(),
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
