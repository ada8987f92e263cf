import { expect, it } from "vitest";
import { parse } from "yaml";
import {
  cacheService,
  dockerRunFlags,
  mountCache,
  readShared,
  type SharedCache,
  shareText,
  unknownReader,
} from "../../../src/deploy/compose/cache-mount.ts";

const home = "/home/ann/.cache/huggingface";
const usual: SharedCache = { cacheDir: `${home}/hub`, hubHome: home, readOnly: false };
const readOnly: SharedCache = { ...usual, readOnly: true };
const apart: SharedCache = { cacheDir: "/data/models", hubHome: null, readOnly: false };
const ann = { uid: 1000, environment: {} };

it("is the whole folder of the Hub's library for root, as other guides have it", () => {
  expect(dockerRunFlags(mountCache(usual, unknownReader))).toBe(
    `-v ${home}:/root/.cache/huggingface`,
  );
});

it("is the models alone for who only reads, without the token that is kept beside them", () => {
  expect(dockerRunFlags(mountCache(readOnly, unknownReader))).toBe(
    `-v ${home}/hub:/root/.cache/huggingface/hub:ro -e HF_HUB_OFFLINE=1`,
  );
});

it("puts a cache of any name where root's programs look for it", () => {
  expect(dockerRunFlags(mountCache(apart, unknownReader))).toBe(
    "-v /data/models:/root/.cache/huggingface/hub",
  );
});

it("tells a container of another user where the cache is", () => {
  expect(mountCache(usual, ann)).toMatchObject({
    target: "/var/cache/huggingface",
    environment: { HF_HOME: "/var/cache/huggingface" },
  });
  expect(mountCache(readOnly, { uid: null, environment: {} })).toMatchObject({
    source: `${home}/hub`,
    target: "/var/cache/huggingface/hub",
    environment: { HF_HUB_CACHE: "/var/cache/huggingface/hub", HF_HUB_OFFLINE: "1" },
  });
});

it.each([
  [{ HF_HUB_CACHE: "/hub/", HF_HOME: "/hf" }, `${home}/hub:/hub`],
  [{ HUGGINGFACE_HUB_CACHE: "/data" }, `${home}/hub:/data`],
  [{ HF_HOME: "/hf" }, `${home}:/hf`],
  [{ XDG_CACHE_HOME: "/caches" }, `${home}:/caches/huggingface`],
  [{ HF_HOME: "relative", HOME: "/app" }, `${home}:/app/.cache/huggingface`],
])("follows what the container is told already: %o", (environment, expected) => {
  const mount = mountCache(usual, { uid: 0, environment });
  expect(dockerRunFlags(mount)).toBe(`-v ${expected}`);
});

it("writes any path so that a shell, docker and compose read it back", () => {
  const odd = (cacheDir: string) => mountCache({ ...apart, cacheDir }, unknownReader);
  expect(dockerRunFlags(odd("/my models/$x"))).toBe(
    "-v '/my models/$x:/root/.cache/huggingface/hub'",
  );
  expect(dockerRunFlags(odd('/a:b,"c"'))).toBe(
    `--mount 'type=bind,"source=/a:b,""c""",target=/root/.cache/huggingface/hub'`,
  );
  expect(cacheService(odd("/my models/$x")).volumes[0]?.source).toBe("/my models/$$x");
});

it("knows the file that it wrote, and no other", () => {
  const services = { vllm: cacheService(mountCache(readOnly, ann)), tgi: { volumes: [] } };
  const text = shareText(services);
  expect(shareText({ tgi: services.tgi, vllm: services.vllm })).toBe(text);
  expect(parse(text)).toEqual({ services });
  expect(readShared({ path: "f", text })).toEqual(services);
  expect(readShared({ path: "f", text: text.replace("vllm", "mine") })).toBeNull();
  expect(readShared({ path: "f", text: "services: {}\n" })).toBeNull();
});
