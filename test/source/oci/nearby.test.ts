import { expect, onTestFinished, test } from "vitest";
import { askHerosServer, findServers } from "../../../src/source/heros-server.ts";
import { testHost } from "../../deploy/compose/fixtures.ts";
import { makeImage, noise } from "./images.ts";
import { bytesOf, openScene } from "./scene.ts";
import { startRegistry } from "./registry-server.ts";

const image = makeImage([noise("layer", 100_000)]);
const asking = { host: testHost(), signal: new AbortController().signal };

/** Another heros, which has images of this registry, by its name. */
async function openNear(repository: string | null) {
  const near = await startRegistry();
  onTestFinished(() => near[Symbol.asyncDispose]());
  if (repository !== null) near.push(repository, "1", image, [image]);
  return near;
}

test("an image is taken from another heros first, where it stands below the name of its registry", async () => {
  const far = await startRegistry();
  onTestFinished(() => far[Symbol.asyncDispose]());
  const near = await openNear(`${far.host}/acme/core`);
  await using scene = await openScene({ registries: { nearby: [`http://${near.host}`] } });
  const resolved = await scene.resolve(`${far.host}/acme/core:1`);
  expect(resolved).toMatchObject({ digest: image.digest });
  const [layer] = resolved.layers;
  const opened = await scene.registries.open(scene.part(resolved, layer?.digest ?? ""));
  expect((await bytesOf(opened)).length).toBe(100_000);
  expect(far.seen).toEqual([]);
});

test("what the other heros lacks comes from the registry", async () => {
  const near = await openNear(null);
  await using scene = await openScene({ registries: { nearby: [`http://${near.host}`] } });
  scene.server.push("acme/core", "1", image, [image]);
  expect(await scene.resolve("acme/core:1")).toMatchObject({ digest: image.digest });
});

test("without its registry, an image is what the other heros says it is", async () => {
  const gone = "127.0.0.1:9";
  const near = await openNear(`${gone}/acme/core`);
  await using scene = await openScene({ registries: { nearby: [`http://${near.host}`] } });
  expect(await scene.resolve(`${gone}/acme/core:1`)).toMatchObject({ digest: image.digest });
});

test.each([
  ['{"heros":"1.2.3","models":true,"images":true}', "1.2.3"],
  ['{"heros":1}', null],
  ["<html>", null],
  [`{"heros":"${"x".repeat(500_000)}"}`, null],
])("what answers %s at /api/heros is a heros %s", async (body, version) => {
  const server = await asking.host.network.listen((_request, response) => response.end(body));
  onTestFinished(() => server.close());
  const found = await askHerosServer(asking, `http://127.0.0.1:${server.port}`);
  expect(found?.version ?? null).toBe(version);
});

test("the Hub is not asked whether it is a heros, nor is what is no server", async () => {
  expect(
    await findServers(asking, ["https://huggingface.co", "s3://bucket", "http://127.0.0.1:9"]),
  ).toEqual([]);
});
