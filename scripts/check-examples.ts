import type { CheckId } from "../src/checks/table.ts";
import type { Finding } from "../src/checks/finding.ts";
import { assessCertificates } from "../src/checks/certificates.ts";
import { assessImagesDisk } from "../src/checks/disks.ts";
import { assessCompose, assessDocker, assessGpuAccess } from "../src/checks/docker.ts";
import { assessCpu, assessGpu, assessMemory, assessProduct } from "../src/checks/hardware.ts";
import { assessClock, assessProxy, assessTokens } from "../src/checks/network-settings.ts";
import { assessHealth, assessFiles, assessMounts } from "../src/checks/stack.ts";
import { assessLeftNames, assessNeededSpace } from "../src/checks/stored.ts";
import type { FailureCode } from "../src/run/failures/table.ts";

/** What a check can find besides what is in order. */
interface CheckExamples {
  /** Failures, whose entries on the page have the words and the cures. */
  readonly codes: readonly FailureCode[];
  /** Warnings, in the words of the check itself. */
  readonly warnings: readonly Finding[];
}

const limitMs = 4000;
const stackDir = "/home/ann/her-os";
const gib = 1024 ** 3;
const endpoint = "https://huggingface.co";
const memory = { totalBytes: 121.6 * gib, availableBytes: 24.5 * gib, swapBytes: 0 };
const spot = (path: string, freeBytes: number) => ({
  place: null,
  space: {
    purpose: "images" as const,
    path,
    device: "nvme0n1p2",
    deviceModel: null,
    nvme: true,
    freeBytes,
    totalBytes: 4e12,
  },
  rotational: false,
  silent: false,
});
const herosFile = `${stackDir}/docker-compose.heros.yml`;
const envFile = `${stackDir}/.env`;
const cache = "/home/ann/.cache/huggingface/hub";

/** For docs/troubleshooting.md: an entry for each check. */
export const checkExamples: Readonly<Record<CheckId, CheckExamples>> = {
  cpu: { codes: [], warnings: [assessCpu("riscv64", { count: 8, kinds: [] })] },
  product: {
    codes: ["machine.unsupported"],
    warnings: [
      assessProduct(
        { spark: false, label: "ThinkPad X1", osVersion: null },
        { arch: "x86_64", gpu: null, consent: "given" },
      ),
    ],
  },
  gpu: {
    codes: ["gpu.missing"],
    warnings: [assessGpu({ state: "late" }, { gpu: null, spark: true, limitMs })],
  },
  memory: {
    codes: [],
    warnings: [
      assessMemory(memory, { spark: true, modelsGib: 32 }),
      assessMemory(
        { ...memory, totalBytes: 16 * gib, availableBytes: 9 * gib },
        { spark: false, modelsGib: 32 },
      ),
    ],
  },
  "disk.models": {
    codes: [
      "cache.not_writable",
      "cache.no_symlinks",
      "cache.broken_link",
      "cache.out_of_reach",
      "disk.not_mounted",
      "disk.read_only",
      "disk.unsupported",
    ],
    warnings: [],
  },
  "disk.images": {
    codes: [],
    warnings: [
      assessImagesDisk([spot("/var/lib/docker", 9.1e9), spot("/var/lib/containerd", 900e9)], {
        limitMs,
      }),
    ],
  },
  "docker.engine": {
    codes: [
      "docker.missing",
      "docker.daemon_down",
      "docker.no_permission",
      "docker.no_answer",
      "docker.context_broken",
      "docker.elsewhere",
      "docker.podman",
    ],
    warnings: [
      assessDocker({ state: "unclear", reason: "broken pipe" }, { grouped: true, limitMs }),
    ],
  },
  "docker.compose": {
    codes: ["compose.missing"],
    warnings: [assessCompose({ state: "there", version: "2.20.2" }, { limitMs })],
  },
  "docker.gpu": {
    codes: ["docker.gpu_unavailable"],
    warnings: [assessGpuAccess("none", { docker: "running", hasGpu: true })],
  },
  port: { codes: ["port.taken"], warnings: [] },
  clashes: { codes: ["stack.clashes"], warnings: [] },
  hub: {
    codes: [
      "hub.unreachable",
      "hub.tls",
      "hub.proxy",
      "hub.captive_portal",
      "hub.token_refused",
      "hub.gated",
      "hub.repo_not_found",
      "hub.rate_limited",
      "hub.server_error",
    ],
    warnings: [],
  },
  clock: { codes: [], warnings: [assessClock(3_600_000, { limitMs })] },
  proxy: {
    codes: [],
    warnings: [assessProxy({ HTTPS_PROXY: "http://proxy:3128" }, { endpoint, isReached: false })],
  },
  certificates: {
    codes: [],
    warnings: [
      assessCertificates([], { untrusted: endpoint, isOff: false, limitMs }),
      assessCertificates(
        [
          {
            variable: "SSL_CERT_FILE",
            path: "/etc/corp.pem",
            problem: "ENOENT",
            count: 0,
            expired: [],
          },
        ],
        { untrusted: null, isOff: false, limitMs },
      ),
      assessCertificates([], { untrusted: null, isOff: true, limitMs }),
    ],
  },
  token: {
    codes: [],
    warnings: [
      assessTokens(
        [{ where: "~/token", path: "/home/ann/token", isOpen: true, isRefused: false }],
        { limitMs },
      ),
      assessTokens([{ where: "HF_TOKEN", path: null, isOpen: false, isRefused: true }], {
        limitMs,
      }),
    ],
  },
  models: {
    codes: [],
    warnings: [
      { status: "warning", found: "3 of 5 downloaded, 4.3 GB of 20.6 GB", remedy: "heros pull" },
    ],
  },
  "models.folder": { codes: ["cache.not_writable", "cache.no_symlinks"], warnings: [] },
  images: { codes: [], warnings: [] },
  "disk.needed": {
    codes: ["disk.too_small"],
    warnings: [
      assessNeededSpace([{ folder: cache, what: "models", bytes: 18e9, freeBytes: 22e9, disk: 1 }]),
    ],
  },
  files: {
    codes: ["stack.base_invalid", "stack.env_invalid", "stack.not_writable", "stack.broken_link"],
    warnings: [
      ...(["missing", "outdated", "edited"] as const).map((state) => ({ path: herosFile, state })),
      { path: envFile, state: "unnamed" as const },
    ]
      .map((file) => ({ failure: null, files: [file], openEnv: null as string | null }))
      .concat({ failure: null, files: [], openEnv: envFile })
      .map((found) => assessFiles(found, { isSetUp: true, limitMs, stackDir })),
  },
  services: {
    codes: ["annie.container_failed"],
    warnings: [{ status: "warning", found: "no container is running", remedy: "heros up" }],
  },
  leftovers: {
    codes: [],
    warnings: [assessLeftNames(["heros/tmp:1"], { docker: "running", limitMs })],
  },
  mounts: {
    codes: [],
    warnings: [null, "/root/.cache/huggingface"].map((real) =>
      assessMounts({ container: "her-os-core", real, wanted: cache }, { limitMs }),
    ),
  },
  annie: {
    codes: ["annie.degraded", "annie.unreachable", "annie.still_starting"],
    warnings: [
      assessHealth(
        { state: "starting", url: "http://127.0.0.1:8000", problem: null, answeredInMs: null },
        { isSetUp: true, limitMs },
      ),
    ],
  },
};
