import { expect, test } from "vitest";
import { parse } from "yaml";
import { readBase } from "../../../src/deploy/compose/base.ts";
import { editedByHand, overrideText } from "../../../src/deploy/compose/override.ts";
import type { ModelsMount } from "../../../src/plan/storage.ts";
import type { WarmupBase } from "../../../src/deploy/compose/warmup.ts";
import { stackPlan } from "./fixtures.ts";

const cache = "/home/me/.cache/huggingface/hub";
const plan = stackPlan(cache);
/** Where nothing of the user's is in the way. */
const usual = {
  warmups: new Map<string, WarmupBase>(),
  gpuReserved: new Set<string>(),
  gpuServices: [],
  tokenFor: new Set<string>(),
  tokenFile: null,
  chosen: null,
  publish: false,
  secretTaken: false,
} as const;

test("Annie reads the Hub cache where both her loader and the Hub's library look", () => {
  expect(
    parse(
      overrideText({
        plan,
        ...usual,
      }),
    ),
  ).toEqual({
    services: {
      "her-os-core": {
        environment: {
          HF_HOME: "/data/models",
          HF_HUB_CACHE: "/data/models",
          HF_HUB_OFFLINE: "1",
          HF_HUB_DISABLE_TELEMETRY: "1",
          HER_OS_TIERS: "1,2",
        },
        volumes: [
          {
            type: "bind",
            source: "/home/me/.cache/huggingface/hub",
            target: "/data/models",
            read_only: true,
            bind: { create_host_path: false },
          },
        ],
      },
    },
  });
});

test("with a warm-up, a container of Annie's image looks for the models before she starts: on no GPU, alone allowed to write and to ask the Hub", () => {
  const text = overrideText({
    ...usual,
    plan: stackPlan(cache, { startup: "warmup", gpu: true, endpoint: "https://hub.example" }),
    warmups: new Map([
      [
        "her-os-core",
        {
          image: "ghcr.io/her-os/her-os-core:${HER_OS_VERSION:-latest}",
          isBuilt: false,
          user: "1000:1000",
          hasCommand: false,
          environment: { HER_OS_BAKED_MODELS: "/baked" },
        },
      ],
    ]),
    tokenFor: new Set(["model-warmup"]),
    tokenFile: "./secrets/hf_token",
  });
  // Older readers of YAML take a bare word for no.
  expect(text).toContain('restart: "no"');
  const { services } = parse(text) as { services: Record<string, Record<string, unknown>> };
  expect(services["model-warmup"]).toEqual({
    image: "ghcr.io/her-os/her-os-core:${HER_OS_VERSION:-latest}",
    entrypoint: ["python", "-m", "her_os.bootstrap", "--all", "--block"],
    restart: "no",
    user: "1000:1000",
    environment: {
      HF_HOME: "/data/models",
      HF_HUB_CACHE: "/data/models",
      HF_HUB_DISABLE_TELEMETRY: "1",
      HF_TOKEN_PATH: "/run/secrets/hf_token",
      HF_ENDPOINT: "https://hub.example",
      HER_OS_TIERS: "1,2",
      HER_OS_BAKED_MODELS: "/baked",
      HF_HUB_OFFLINE: "0",
      DOWNLOAD_PRIORITY: "${MODEL_DOWNLOAD_PRIORITY:-2}",
      NVIDIA_VISIBLE_DEVICES: "void",
    },
    volumes: [
      {
        type: "bind",
        source: "/home/me/.cache/huggingface/hub",
        target: "/data/models",
        read_only: false,
        bind: { create_host_path: false },
      },
    ],
    secrets: ["hf_token"],
    healthcheck: { disable: true },
  });
  expect(services["her-os-core"]).toMatchObject({
    depends_on: { "model-warmup": { condition: "service_completed_successfully" } },
    environment: { HF_HUB_OFFLINE: "1", HER_OS_TIERS: "1,2" },
    volumes: [{ read_only: true }],
  });
});

const mounted = (mount: ModelsMount) => {
  const text = overrideText({
    plan: stackPlan(cache, { mount }),
    ...usual,
  });
  const { services, volumes } = parse(text) as {
    services: { "her-os-core": { volumes: object[] } };
    volumes: object;
  };
  return { mounts: services["her-os-core"].volumes, volumes };
};

test("a Docker volume is mounted as it is: neither made, nor filled from the image, nor removed by compose", () => {
  expect(mounted({ kind: "volume", name: "her-os_model-cache" })).toEqual({
    mounts: [
      {
        type: "volume",
        source: "heros-models",
        target: "/data/models",
        read_only: true,
        volume: { nocopy: true },
      },
    ],
    volumes: { "heros-models": { name: "her-os_model-cache", external: true } },
  });
});

test("an NFS export becomes a volume of its own, which another export does not share", () => {
  const { mounts, volumes } = mounted({ kind: "nfs", server: "nas", path: "/export/$models" });
  const [key = ""] = Object.keys(volumes);
  expect(mounts).toMatchObject([{ type: "volume", source: key, read_only: true }]);
  const options = { type: "nfs", o: "addr=nas,nolock,soft,rw", device: ":/export/$$models" };
  expect(volumes).toEqual({ [key]: { driver: "local", driver_opts: options } });
  const other = mounted({ kind: "nfs", server: "nas", path: "/other" });
  expect(Object.keys(other.volumes)).not.toContain(key);
});

test("the GPU is reserved once: by us where there is one, not where the user's files do", () => {
  const reserved = (gpu: boolean, gpuReserved: boolean) =>
    overrideText({
      plan: stackPlan(cache, { gpu }),
      ...usual,
      gpuReserved: new Set(gpuReserved ? ["her-os-core"] : []),
    }).includes("driver: nvidia");
  expect(reserved(true, false)).toBe(true);
  expect(reserved(true, true)).toBe(false);
  expect(reserved(false, false)).toBe(false);
});

test.each([
  ["deploy: {resources: {reservations: {devices: [{driver: nvidia, capabilities: [gpu]}]}}}", true],
  ["gpus: all", true],
  ["runtime: nvidia", true],
  ["deploy: {resources: {limits: {memory: 8g}}}", false],
])("a service with %s reserves a GPU: %s", (line, reservesGpu) => {
  const text = `services:\n  her-os-core:\n    image: x\n    ${line}\n`;
  expect(readBase([{ path: "compose.yml", text }], "her-os-core")).toMatchObject({
    services: ["her-os-core"],
    gpuReserved: new Set(reservesGpu ? ["her-os-core"] : []),
  });
});

test("a path with signs that compose or YAML would read is taken as it is", () => {
  const cacheDir = "/mnt/$HOME: #1/hub";
  const text = overrideText({
    plan: stackPlan(cacheDir),
    ...usual,
  });
  expect(parse(text)).toMatchObject({
    services: { "her-os-core": { volumes: [{ source: "/mnt/$$HOME: #1/hub" }] } },
  });
});

test("what heros wrote is recognised, and every change to it", () => {
  const text = overrideText({
    plan,
    ...usual,
    tokenFile: "./secrets/hf_token",
    chosen: "a.yml",
  });
  expect(editedByHand(text)).toBe(false);
  for (const edited of [
    `${text}\n`,
    text.replace("1,2", "1"),
    text.replaceAll("\n", "\r\n"),
    "",
    text.slice(1),
  ]) {
    expect(editedByHand(edited)).toBe(true);
  }
});
