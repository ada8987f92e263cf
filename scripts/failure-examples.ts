import type { DataOf, FailureCode } from "../src/run/failures/table.ts";
import { failure } from "../src/run/failures/table.ts";
import { annieFailureExamples } from "./annie-failure-examples.ts";
import { ollamaFailureExamples } from "./ollama-failure-examples.ts";
import { clashFailureExamples } from "./clash-failure-examples.ts";
import { containerFailureExamples } from "./container-failure-examples.ts";
import { dockerFailureExamples } from "./docker-failure-examples.ts";
import { exportFailureExamples } from "./export-failure-examples.ts";
import { folderFailureExamples } from "./folder-failure-examples.ts";
import { pushFailureExamples } from "./push-failure-examples.ts";
import { releaseFailureExamples } from "./release-failure-examples.ts";
import { s3FailureExamples } from "./s3-failure-examples.ts";
import { serveFailureExamples } from "./serve-failure-examples.ts";
import { shareFailureExamples } from "./share-failure-examples.ts";

type Example<Code extends FailureCode> = DataOf<Code> extends void ? undefined : DataOf<Code>;

const endpoint = "https://huggingface.co";
const stackDir = "/home/ann/her-os";
const cacheDir = "/home/ann/.cache/huggingface/hub";
const repo = "openai/whisper-large-v3";
const revision = "06f233fe06e710322aca913c1bc4249a0d71fce1";
const path = "model.safetensors";
const hash = {
  algorithm: "sha256",
  hex: "9f7c1d5e1a0b3f7d0c5b8e2a4d6f8091a2b3c4d5e6f708192a3b4c5d6e7f8091",
} as const;
const image = "ghcr.io/her-os/core:1.4";
const registry = "ghcr.io";
const atRegistry = { registry, address: "https://ghcr.io" };
const onDisk = { path: `${cacheDir}/.heros`, flag: "--cache-dir" };

/** Data for each row of the table of failures, as they could be: docs/troubleshooting.md shows the sentences with them. */
export const failureExamples: {
  readonly [Code in FailureCode]: readonly [Example<Code>, ...Example<Code>[]];
} = {
  ...annieFailureExamples,
  ...containerFailureExamples,
  ...dockerFailureExamples,
  ...exportFailureExamples,
  ...serveFailureExamples,
  ...shareFailureExamples,
  ...pushFailureExamples,
  "background.lost": [{ command: "setup" }],
  "background.not_started": [{ command: "setup", reason: "no more processes can be started" }],
  "background.still_running": [{ pid: 20923 }],
  "cache.broken_link": [{ link: cacheDir, target: "/mnt/models" }],
  "cache.busy": [{ repo, path, holder: "heros pull (PID 20923)" }],
  "cache.changed": [{ repo, path }],
  "cache.foreign_link": [{ link: `${cacheDir}/.heros`, uid: 1001 }],
  "cache.no_symlinks": [{ folder: "/media/ann/usb", type: "exfat" }],
  "cache.out_of_reach": [
    { why: "not-mounted", server: "nas", path: "/models", reason: "connection refused" },
    { why: "closed", name: "cache", folder: "/srv/docker/volumes/cache/_data", reason: "denied" },
    { why: "unclear", name: "her-os_model-cache", reason: "docker does not answer" },
  ],
  "cache.not_writable": [
    { why: "closed", folder: "/data/models", existing: "/data", home: "/home/ann", owner: "root" },
    { why: "owned", folders: [`${cacheDir}/models--openai--whisper-large-v3`] },
  ],
  "catalog.invalid": [
    { file: "mine.yaml", problems: [{ line: 13, problem: "models.1.titel: unknown key" }] },
  ],
  "catalog.unreadable": [{ file: "mine.yaml", reason: "ENOENT" }],
  "compose.missing": [undefined],
  "config.invalid": [
    {
      file: "heros.yaml",
      problems: [{ line: 2, problem: "tier: unknown key" }],
      keys: ["groups", "storage"],
    },
  ],
  "config.unreadable": [{ file: "heros.yaml", reason: "EACCES" }],
  "disk.failing": [{ ...onDisk, errno: "EIO" }],
  "disk.file_too_large": [{ ...onDisk, errno: "EFBIG" }],
  "disk.full": [{ ...onDisk, errno: "ENOSPC" }],
  "disk.gone": [{ ...onDisk, errno: "ENODEV" }],
  "disk.not_mounted": [{ folder: "/data/models", device: "UUID=0c5e-91d2", mount: "/data" }],
  "disk.quota": [{ ...onDisk, errno: "EDQUOT" }],
  "disk.read_only": [{ ...onDisk, errno: "EROFS" }],
  "disk.too_small": [
    { what: "models", folder: cacheDir, neededBytes: 20.6e9, freeBytes: 12.1e9 },
    {
      what: "images",
      folder: "/var/lib/docker",
      neededBytes: 46e9,
      freeBytes: 31e9,
      estimated: true,
    },
    {
      what: "upgrade",
      folder: "/home/ann/.local/share/heros",
      neededBytes: 150e6,
      freeBytes: 40e6,
    },
  ],
  "disk.unsupported": [{ ...onDisk, errno: "EOPNOTSUPP" }],
  "doctor.unknown_check": [{ name: "gpus", close: ["gpu"] }],
  "doctor.problems": [{ first: failure("docker.missing"), count: 2 }],
  "download.hash_mismatch": [{ repo, path, hash, found: hash.hex.replace("9f7c", "04d1") }],
  "files.too_many_open": [{ ...onDisk, errno: "EMFILE" }],
  "gpu.missing": [
    {
      found: "nvidia-smi finds no GPU",
      remedy:
        "sudo reboot. If nvidia-smi still lists no GPU, update the driver: sudo apt-get update && sudo apt-get dist-upgrade",
    },
  ],
  "hub.branch_moved": [{ repo, branch: "main", commit: revision }],
  "hub.captive_portal": [{ endpoint, what: "status 200 with a web page" }],
  "hub.file_not_found": [{ repo, revision, missing: "file config.json", listed: true }],
  "hub.forbidden": [{ endpoint, repo }],
  "hub.gated": [{ repo, withToken: false }],
  "hub.offline": [{ missing: `${path} of ${repo}` }],
  "hub.proxy": [{ endpoint, status: 407, unusable: null }],
  "hub.rate_limited": [{ endpoint, until: null }],
  "hub.redirect_loop": [{ host: "hub.example.org" }],
  "hub.repo_not_found": [{ endpoint, repo: "openai/whisper", withToken: false }],
  "hub.revision_not_found": [{ endpoint, repo, revision: "v4" }],
  "hub.server_error": [{ endpoint, reason: "status 503" }],
  "hub.tls": [{ endpoint, reason: "SELF_SIGNED_CERT_IN_CHAIN" }],
  "hub.token_refused": [{ endpoint }],
  "hub.unreachable": [{ endpoint, reason: "the DNS server does not respond" }],
  "hub.unsafe_path": [{ repo, path: "../../.bashrc" }],
  "hub.unsafe_redirect": [{ endpoint: "https://hub.example.org", host: "192.168.1.1" }],
  "image.bad_name": [{ image: "ghcr.io/Her-OS/core", problem: "the name must be lower-case" }],
  "image.damaged": [
    {
      image,
      ...atRegistry,
      part: "manifest",
      expected: `sha256:${hash.hex}`,
      found: `sha256:${hash.hex.replace("9f7c", "04d1")}`,
    },
  ],
  "image.denied": [
    { image, ...atRegistry, withLogin: false, said: null, problem: null },
    {
      image: "nvcr.io/nvidia/cuda:13.0-base",
      registry: "nvcr.io",
      address: "https://nvcr.io",
      withLogin: true,
      said: "Accept the license first.",
      problem: null,
    },
    {
      image,
      ...atRegistry,
      withLogin: false,
      said: null,
      problem: "docker-credential-pass is not installed",
    },
  ],
  "image.incomplete": [{ image, ...atRegistry, digest: `sha256:${hash.hex}` }],
  "image.no_platform": [{ image, platform: "linux/arm64", available: ["linux/amd64"] }],
  "image.not_found": [
    { image, ...atRegistry, lacks: "tag" },
    { image, ...atRegistry, lacks: "repository" },
  ],
  "image.unusable": [
    {
      image,
      problem: "it is in Docker's old format (schema 1), which current engines no longer read",
    },
  ],
  "machine.unsupported": [{ found: ["x86_64", "no NVIDIA GPU"] }],
  "models.damaged": [
    {
      first: {
        repo,
        path,
        hash,
        reason: "size",
        expected: "3087130976",
        found: "3087130624",
      },
      others: 1,
    },
  ],
  "models.not_readable": [{ path: cacheDir, errno: "EACCES" }],
  "models.not_here": [{ name: "ollama:llava:7b" }],
  "models.unknown": [{ name: "whisper", known: ["whisper-large-v3", "qwen3-embedding-8b"] }],
  "path.too_long": [{ ...onDisk, errno: "ENAMETOOLONG" }],
  "plan.bad_answer": [
    {
      value: "x",
      right: "numbers separated by commas, for example 1,2",
      given: { flag: "--tiers", environment: "HEROS_TIERS", configKey: "tiers" },
    },
    "token",
  ],
  "port.taken": [
    {
      from: "check",
      port: 8000,
      by: "nginx (PID 812)",
      remedy: "Stop it (kill 812), or use another port (heros setup --port 8001).",
    },
    {
      from: "docker",
      port: "5432",
      service: "postgres",
      by: "container",
      said: "Bind for 0.0.0.0:5432 failed: port is already allocated",
    },
  ],
  "registry.captive_portal": [{ ...atRegistry, what: "status 200 with a web page" }],
  "registry.login_refused": [atRegistry],
  "registry.proxy": [{ ...atRegistry, status: 407, unusable: null }],
  "registry.rate_limited": [
    {
      registry: "Docker Hub",
      address: "https://registry-1.docker.io",
      until: null,
      quota: { pulls: 100, windowMs: 21_600_000 },
      withLogin: false,
    },
    { ...atRegistry, until: null, quota: null, withLogin: true },
  ],
  "registry.redirect_loop": [{ host: "ghcr.io" }],
  "registry.server_error": [{ ...atRegistry, reason: "status 503" }],
  "registry.tls": [{ ...atRegistry, reason: "SELF_SIGNED_CERT_IN_CHAIN" }],
  "registry.unreachable": [{ ...atRegistry, reason: "the DNS server does not respond" }],
  "registry.unsafe_redirect": [
    {
      registry: "registry.example.org",
      address: "https://registry.example.org",
      host: "192.168.1.1",
    },
  ],
  "replay.broken": [{ place: "run.jsonl, line 7", what: "is not JSON" }],
  "replay.empty": [{ file: "run.jsonl" }],
  "replay.newer": [{ place: "run.jsonl, line 1", version: 2 }],
  "replay.unreadable": [{ file: "run.jsonl", reason: "ENOENT" }],
  "report.not_written": [{ folder: "/", why: "EACCES: permission denied" }],
  "settings.bad_value": [
    { name: "--port", value: "abc", right: "a number from 1 to 65535" },
    { name: "HF_HOME", absentUser: "bob" },
  ],
  "stack.address_unknown": [{ said: "listen tcp 10.0.0.9:8000: cannot assign requested address" }],
  "stack.base_invalid": [
    {
      problem: "docker-compose.mine.yml does not exist, but COMPOSE_FILE in .env names it",
      remedy: "Restore the file, or remove its name from COMPOSE_FILE.",
    },
    { said: 'service "her-os-core" refers to undefined network lan: invalid compose project' },
  ],
  "stack.broken_link": [{ link: stackDir, target: "/mnt/her-os" }],
  "stack.build_failed": [
    {
      service: "tools",
      stackDir,
      lines: [
        "ERROR: No matching distribution found for torch==9",
        'failed to solve: process "/bin/sh -c pip install torch==9" did not complete successfully: exit code: 1',
      ],
    },
    { service: "tools", stackDir, lines: [] },
  ],
  "stack.changed": [{ file: `${stackDir}/.env`, before: "Nothing was written. " }],
  "stack.compose_failed": [
    { stackDir, said: "unexpected end of input" },
    { stackDir, said: "unexpected end of input", action: "down" },
  ],
  "stack.service_unknown": [{ stackDir, service: "core", services: ["her-os-core", "redis"] }],
  "stack.env_invalid": [{ file: `${stackDir}/.env`, problem: "line 4: a quote is not closed" }],
  "stack.folder_missing": [
    { needs: "stack", folder: stackDir },
    {
      needs: "service",
      folder: "/data/models",
      said: "bind source path does not exist: /data/models",
    },
  ],
  "stack.name_taken": [
    { name: "her-os-core", said: 'The container name "/her-os-core" is already in use' },
  ],
  "stack.no_port": [{ service: "her-os-core", networkMode: "none", inside: 8000 }],
  "stack.no_text_file": [{ path: `${stackDir}/.env` }],
  "stack.not_writable": [
    { why: "closed", folder: "/opt/her-os", existing: "/opt", home: "/home/ann" },
    { why: "read-only", file: `${stackDir}/.env` },
  ],
  "stack.other_owner": [
    { place: stackDir, owner: "ann", asRoot: true },
    { place: `${stackDir}/.env`, owner: "bob", asRoot: false },
  ],
  "stack.password_lost": [
    {
      name: "POSTGRES_PASSWORD",
      place: "the volume her-os_postgres",
      envPath: `${stackDir}/.env`,
    },
  ],
  "stack.profile_off": [{ service: "her-os-core", profiles: ["gpu"], stackDir }],
  "groups.unknown": [{ group: "5", known: ["remember", "listen"], priorities: [1, 2, 3] }],
  "models.digest_differs": [
    { model: "llava:7b", wanted: `sha256:${"1f".repeat(32)}`, found: `sha256:${"2e".repeat(32)}` },
  ],
  "catalog.no_stack": [{ stack: "models" }],
  "stack.no_base": [{ stack: "models" }],
  "groups.one_of": [{ oneOf: "worker", groups: ["ocr", "embedding"] }],
  "demo.other_stack": [{ title: "Open WebUI", catalog: "open-webui" }],
  "groups.too_much": [
    {
      title: "High memory",
      group: "high-memory",
      lack: "a GPU with 24 GiB of memory; the one here has 12 GiB",
      fitting: [
        { id: "ocr", title: "OCR worker" },
        { id: "vllm", title: "vLLM" },
      ],
    },
  ],
  "token.malformed": [{ where: "token.txt" }],
  "token.unreadable": [{ file: "token.txt", reason: "EACCES" }],
  "uninstall.needs_yes": [undefined],
  "update.needs_yes": [undefined],
  "update.file_gone": [{ repo: "openai/whisper-large-v3", path: "model.safetensors" }],
  "uninstall.running": [{ command: "setup", pid: 20923 }],
  "usage.no_folder": [undefined],
  "usage.no_home": [undefined],
  "usage.wrong": [{ complaint: "unknown command 'setpu'\n(Did you mean setup?)" }],
  ...ollamaFailureExamples,
  ...folderFailureExamples,
  ...s3FailureExamples,
  ...clashFailureExamples,
  ...releaseFailureExamples,
};
