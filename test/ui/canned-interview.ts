import { capacityOf } from "../../src/catalog/capacity.ts";
import { modelsOfGroups, prioritiesOf } from "../../src/catalog/catalog.ts";
import { expandPath } from "../../src/source/hub/environment.ts";
import { readFileSync } from "node:fs";
import { parseCatalog } from "../../src/catalog/load.ts";
import type { Interview } from "../../src/plan/interview.ts";
import { type Answers, initialAnswers } from "../../src/plan/questions.ts";
import type { Machine } from "../../src/run/events/machine.ts";
import type { PlannedModel, PlanReady } from "../../src/run/events/plan.ts";
import { Failure } from "../../src/run/failure.ts";
import { Secret } from "../../src/run/secret.ts";

const catalogPath = "assets/catalogs/her-os.yaml";
export const catalog = parseCatalog(
  readFileSync(new URL(`../../${catalogPath}`, import.meta.url), "utf8"),
  catalogPath,
);

const sizes: Readonly<Record<string, number>> = {
  "qwen3-embedding-0.6b": 1_215_440_000,
  "gliner-medium-v2.1": 783_700_000,
  "whisper-large-v3": 3_091_200_000,
  "qwen3-embedding-8b": 15_150_000_000,
};

export const spark: Machine = {
  arch: "aarch64",
  product: "NVIDIA DGX Spark",
  spark: true,
  cpuCount: 20,
  gpu: {
    name: "NVIDIA GB10",
    driver: "580.142",
    computeCapability: "12.1",
    unified: true,
    memoryBytes: null,
  },
  memoryBytes: 130_567_168_000,
  memoryAvailableBytes: 122_600_000_000,
  disks: [
    {
      purpose: "models",
      path: "/home/ada/.cache/huggingface/hub",
      device: "nvme0n1p2",
      deviceModel: null,
      nvme: true,
      freeBytes: 3_120_000_000_000,
      totalBytes: 4_030_000_000_000,
    },
  ],
  docker: { engineVersion: "29.1.2", composeVersion: "2.40.3", rootDir: null, gpuAccess: "cdi" },
  ports: [{ port: 8000, free: true }],
  hub: { endpoint: "https://huggingface.co", reachable: true, elapsedMs: 214 },
};

export const models: readonly PlannedModel[] = catalog.models.map((model) => ({
  id: model.id,
  title: model.title,
  purpose: model.purpose,
  tier: model.priority,
  totalBytes: sizes[model.id] ?? 0,
  cachedBytes: model.id === "gliner-medium-v2.1" ? 783_700_000 : 0,
}));

/** Of a user whose systemd can be asked. */
export const bootService = {
  file: "~/.config/systemd/user/heros-resume.service",
  lingers: false,
};

/** A token that the canned Hub takes; any other is refused. */
export const goodToken = "hf_goodgoodgood";
export const refusal = "The Hub does not know this token.";

const overrideDiff = `--- /dev/null
+++ docker-compose.heros.yml
@@ -0,0 +1,14 @@
+# Written by heros.
+services:
+  her-os-core:
+    environment:
+      HF_HUB_OFFLINE: "1"
+    volumes:
+      - /home/ada/.cache/huggingface/hub:/models/hub:ro
+    deploy:
+      resources:
+        reservations:
+          devices:
+            - driver: nvidia
+              count: all
+              capabilities: [gpu]
`;
const envDiff = `--- .env
+++ .env
@@ -1,2 +1,3 @@
 TZ=Europe/Rome
-COMPOSE_FILE=docker-compose.yml
+COMPOSE_FILE=docker-compose.yml:docker-compose.heros.yml
+HER_OS_PORT=8000
`;

/** What the summary shows for these answers. */
export function plannedFrom(answers: Answers): PlanReady {
  const ids = modelsOfGroups(catalog, answers.groups).map(({ id }) => id);
  const chosen = models.filter(({ id }) => ids.includes(id));
  const stackDir = "/home/ada/her-os";
  return {
    type: "plan.ready",
    dryRun: false,
    tiers: prioritiesOf(catalog, answers.groups),
    models: chosen,
    totalBytes: chosen.reduce((sum, model) => sum + model.totalBytes, 0),
    cachedBytes: chosen.reduce((sum, model) => sum + model.cachedBytes, 0),
    startup: answers.startup,
    cacheDir: answers.storage.startsWith("/")
      ? answers.storage
      : "/home/ada/.cache/huggingface/hub",
    stackDir,
    endpoint: "https://huggingface.co",
    token: answers.token.source,
    ...(answers.token.source === "none" ? {} : { tokenKept: answers.keepToken }),
    files: [
      { path: `${stackDir}/docker-compose.yml`, action: "unchanged" },
      { path: `${stackDir}/docker-compose.heros.yml`, action: "created", diff: overrideDiff },
      { path: `${stackDir}/.env`, action: "updated", diff: envDiff },
    ],
    services: ["postgres", "redis", "neo4j", "qdrant", "kokoro", "her-os-core"],
  };
}

export interface CannedInterview extends Interview {
  /** Every set of answers that was remembered, in order. */
  readonly remembered: Answers[];
}

/** A interview that answers by itself: no Hub, no files. `rest` says what is different. */
export function cannedInterview(rest: Partial<Interview> = {}): CannedInterview {
  const remembered: Answers[] = [];
  return {
    machine: spark,
    capacity: capacityOf(spark),
    checks: [],
    catalog,
    servicesGib: 0,
    models,
    tokens: [
      {
        answer: { source: "hub-file", token: new Secret(goodToken) },
        where: "~/.cache/huggingface/token",
      },
    ],
    answers: initialAnswers(catalog),
    decided: new Set(),
    earlier: "none",
    storagePaths: {
      "hub-cache": "/home/ada/.cache/huggingface/hub",
      "stack-dir": "/home/ada/her-os/models",
    },
    volumes: [],
    bootService: null,
    bytesPerSecond: 112_000_000,
    expandPath: (typed) =>
      expandPath(typed, { env: { HOME: "/home/ann" }, home: "/home/ann", cwd: "/" }),
    spareBytes: (missingBytes) => Math.ceil(missingBytes / 50),
    async preview(answers) {
      if (answers.storage === "/broken") {
        throw new Failure({
          code: "disk.not_writable",
          message: "You may not write to /broken.",
          hint: "Choose another folder.",
          exitCode: 7,
        });
      }
      return plannedFrom(answers);
    },
    async checkFolder({ storage }) {
      if (storage.startsWith("/proc")) {
        throw new Failure({
          code: "cache.not_supported",
          message: `Models can't be stored in ${storage}.`,
          hint: "Choose another folder.",
          exitCode: 1,
        });
      }
    },
    async checkToken(token) {
      return token.reveal() === goodToken
        ? { ok: true, user: "ada" }
        : { ok: false, message: refusal };
    },
    async remember(answers) {
      remembered.push(answers);
    },
    ...rest,
    remembered,
  };
}
