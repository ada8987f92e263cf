import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

const file = new URL("../../../assets/compose/minio.yml", import.meta.url);
const service = z.object({
  image: z.string(),
  ports: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  healthcheck: z.object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }),
  volumes: z.array(z.unknown()).default([]),
});
const shape = z.object({
  services: z.record(z.string(), service),
  configs: z.record(z.string(), z.object({ content: z.string() })),
});

const read = async () => shape.parse(parse(await readFile(file, "utf8")));

it("pins each image to a version, and MinIO's to its bytes", async () => {
  const { services } = await read();
  const images = Object.values(services).map(({ image }) =>
    image.replace(/^\$\{\w+:-(.*)\}$/u, "$1"),
  );
  expect(images.filter((image) => !/:[\w.-]*\d{8}|:RELEASE\.\d{4}/u.test(image))).toEqual([]);
  expect(services["minio"]?.image).toMatch(/@sha256:[0-9a-f]{64}$/u);
  expect(services["minio-bucket"]?.image).toBe(services["minio"]?.image);
});

it("listens on this machine alone, and checks its health", async () => {
  const { services } = await read();
  const ports = Object.values(services).flatMap((each) => each.ports);
  expect(ports.length).toBe(2);
  expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
  expect(services["minio"]?.healthcheck.test).toEqual(["CMD", "mc", "ready", "local"]);
});

it("has no password, and puts none where docker inspect shows it", async () => {
  const { services, configs } = await read();
  const secret = Object.values(configs).filter(({ content }) => content.includes("PASSWORD"));
  expect(secret.length).toBe(2);
  for (const { content } of secret) expect(content).toMatch(/\$\{MINIO_ROOT_PASSWORD:\?/u);
  for (const { environment } of Object.values(services)) {
    expect(Object.values(environment).join(" ")).not.toMatch(/PASSWORD|SECRET/u);
  }
});

it("makes no folder that is missing, which would be root's", async () => {
  const { services } = await read();
  const binds = services["model-sync"]?.volumes ?? [];
  expect(binds).toHaveLength(2);
  for (const each of binds) expect(each).toMatchObject({ bind: { create_host_path: false } });
});
