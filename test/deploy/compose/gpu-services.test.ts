import { expect, test } from "vitest";
import { parse } from "yaml";
import { gpuImageOf, servicesGibOf } from "../../../src/catalog/gpu-images.ts";
import type { Stack } from "../../../src/catalog/stack.ts";
import { textOfFile } from "../../../src/deploy/compose/deployment.ts";
import { planDeployment } from "../../../src/deploy/compose/plan.ts";
import { assetsDir, minimalBase, newStackDir, stackPlan } from "./fixtures.ts";
import { hostWith } from "./validated-base.ts";

const catalog: Pick<Stack, "gpuImages"> = {
  gpuImages: [{ image: "kokoro-fastapi-gpu", memoryGib: 0.5 }],
};
const annie = { ports: [{ target: 8000, published: "8000" }] };
const image = "ghcr.io/remsky/kokoro-fastapi-gpu:v0.8.0";
const devices = [{ driver: "nvidia", count: -1, capabilities: ["gpu"] }];

async function servicesOfOurs(others: object, gpu = true): Promise<Record<string, object>> {
  const { changes } = await planDeployment({
    host: await hostWith({ annie, others }),
    stackDir: await newStackDir({ "docker-compose.yml": minimalBase }),
    plan: stackPlan("/models", {
      gpu,
      needsGpu: (each) => gpuImageOf(catalog, each) !== null,
    }),
    assetsDir,
  });
  const ours = changes.find(({ path }) => path.endsWith("docker-compose.heros.yml"));
  const text = ours === undefined ? "" : textOfFile(ours.content);
  const { services } = parse(text) as { services: Record<string, object> };
  return services;
}

test("a service whose image needs the GPU gets a reservation and nothing else", async () => {
  const services = await servicesOfOurs({ kokoro: { image }, redis: { image: "redis:7" } });
  const reserved = [{ driver: "nvidia", count: "all", capabilities: ["gpu"] }];
  expect(Object.keys(services)).toEqual(["her-os-core", "kokoro"]);
  expect(services["kokoro"]).toEqual({
    deploy: { resources: { reservations: { devices: reserved } } },
  });
});

test.each([
  ["an image for the CPU", { image: "ghcr.io/remsky/kokoro-fastapi-cpu:v0.8.0" }, true],
  [
    "a reservation of the user's",
    { image, deploy: { resources: { reservations: { devices } } } },
    true,
  ],
  ["gpus: all", { image, gpus: [{ count: -1 }] }, true],
  ["runtime: nvidia", { image, runtime: "nvidia" }, true],
  ["a machine without a GPU", { image }, false],
])("with %s, ours leaves the service alone", async (_, kokoro, gpu) => {
  expect(Object.keys(await servicesOfOurs({ kokoro }, gpu))).toEqual(["her-os-core"]);
});

test.each([
  ["kokoro-fastapi-gpu", 0.5],
  ["mirror.local:5000/voice/kokoro-fastapi-gpu:v1@sha256:abc", 0.5],
  ["ghcr.io/remsky/kokoro-fastapi-gpu-tools:v1", 0],
  ["ghcr.io/kokoro-fastapi-gpu/other", 0],
])("of an image %s, %d GiB are counted", (name, gib) => {
  expect(servicesGibOf(catalog, [name, "redis:7"])).toBe(gib);
});
