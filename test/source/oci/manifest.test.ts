import fc from "fast-check";
import { expect, test } from "vitest";
import { Failure } from "../../../src/run/failure.ts";
import { manifestTypes } from "../../../src/source/oci/request.ts";
import { parseManifest } from "../../../src/source/oci/manifest.ts";
import {
  arm64,
  contentOf,
  describe,
  type Image,
  makeImage,
  makeIndex,
  type Manifest,
  noise,
} from "./images.ts";
import { failed, openScene } from "./scene.ts";

const layers = [noise("one", 3000), noise("two", 500)];
const changed = (change: (manifest: Record<string, unknown>) => unknown): Image =>
  makeImage(layers, { change });
const layer = (more: object) => ({
  ...describe(contentOf("x"), "application/vnd.oci.image.layer.v1.tar+gzip"),
  ...more,
});
const withLayers = (all: readonly unknown[]) => changed((whole) => ({ ...whole, layers: all }));
const raw = (text: string, mediaType = "application/vnd.oci.image.manifest.v1+json"): Manifest => ({
  ...contentOf(text),
  mediaType,
});

test.each<[string, Manifest, string]>([
  [
    "schema 1",
    raw(
      '{"schemaVersion":1,"fsLayers":[]}',
      "application/vnd.docker.distribution.manifest.v1+prettyjws",
    ),
    "Docker's old format (schema 1)",
  ],
  ["no JSON", raw("<xml/>"), "not a JSON object"],
  ["a list", raw("[]"), "not a JSON object"],
  ["nothing in it", raw("{}"), "no layers and no images"],
  [
    "what could be read as both",
    changed((whole) => ({ ...whole, manifests: [] })),
    "no layers and no images",
  ],
  [
    "another type than it has",
    changed((whole) => ({ ...whole, mediaType: "application/vnd.oci.image.index.v1+json" })),
    "not what it says it is",
  ],
  [
    "the type of an index on its way",
    { ...changed((whole) => whole), mediaType: "application/vnd.oci.image.index.v1+json" },
    "not what it says it is",
  ],
  [
    "a type that nobody knows",
    changed((whole) => ({ ...whole, mediaType: "application/vnd.wasm+json" })),
    "a kind that heros does not know (application/vnd.wasm+json)",
  ],
  [
    "a chart's configuration",
    changed((whole) => ({
      ...whole,
      config: { ...describe(contentOf("{}"), "application/vnd.cncf.helm.config.v1+json") },
    })),
    "not a container image, but holds application/vnd.cncf.helm.config.v1+json",
  ],
  ["no layers", withLayers([]), "it has no layers"],
  ["too many layers", withLayers(Array.from({ length: 501 }, () => layer({}))), "501 layers"],
  ["a size below nothing", withLayers([layer({ size: -1 })]), "not valid at layers.0.size"],
  ["half a byte", withLayers([layer({ size: 1.5 })]), "not valid at layers.0.size"],
  ["a size that is a word", withLayers([layer({ size: "big" })]), "not valid at layers.0.size"],
  ["a size no disk has", withLayers([layer({ size: 9e15 })]), "can't have 9000000000000000 bytes"],
  ["a layer of nothing", withLayers([layer({ size: 0 })]), "can't have 0 bytes"],
  ["two sizes of one layer", withLayers([layer({}), layer({ size: 2 })]), "two sizes"],
  [
    "a digest that is none",
    withLayers([layer({ digest: "../../etc" })]),
    '"../../etc", which is not',
  ],
  [
    "sha512",
    withLayers([layer({ digest: `sha512:${"0".repeat(128)}` })]),
    "which is not a sha256 digest",
  ],
  [
    "foreign layers",
    withLayers([
      layer({
        mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        urls: ["https://go.microsoft.com/a"],
      }),
    ]),
    "foreign layers",
  ],
  [
    "layers that may not be handed on",
    withLayers([
      layer({ mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" }),
    ]),
    "foreign layers",
  ],
  [
    "encrypted layers",
    withLayers([layer({ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted" })]),
    "a layer of a kind that heros does not know",
  ],
  ["a manifest of 5 MiB", raw(" ".repeat(5 * 1024 * 1024)), "larger than 4 MiB"],
  [
    "fewer layers in its configuration",
    makeImage(layers, { changeConfig: (whole) => ({ ...whole, rootfs: { diff_ids: [] } }) }),
    "its configuration has 0 layers, and its manifest 2",
  ],
  [
    "a configuration without layers' digests",
    makeImage(layers, {
      changeConfig: (whole) => ({ ...whole, rootfs: { diff_ids: ["a", "b"] } }),
    }),
    "no sha256 digest",
  ],
  ["a configuration that is none", makeImage(layers, { changeConfig: () => 7 }), "not valid"],
  [
    "a huge configuration",
    changed((whole) => ({
      ...whole,
      config: { ...layer({ size: 9e6 }), mediaType: "application/vnd.oci.image.config.v1+json" },
    })),
    "can't have 9000000 bytes",
  ],
])("an image with %s can't be used, and it says why", async (_, manifest, problem) => {
  await using scene = await openScene();
  scene.server.push("core", "1", manifest, "blobs" in manifest ? [manifest as Image] : []);
  await expect(scene.resolve("core:1")).rejects.toEqual(failed("image.unusable", 2, problem));
});

test("an index of ever more indexes is given up", async () => {
  await using scene = await openScene();
  let inner: Manifest = makeImage(layers);
  for (let depth = 0; depth < 4; depth += 1) {
    const entry = { ...describe(inner, inner.mediaType), platform: arm64 };
    scene.server.push("core", String(depth), inner, "blobs" in inner ? [inner as Image] : []);
    inner = makeIndex([], { change: (index) => ({ ...index, manifests: [entry] }) });
  }
  scene.server.push("core", "deep", inner);
  await expect(scene.resolve("core:deep")).rejects.toEqual(
    failed("image.unusable", 2, "ever more indexes"),
  );
});

test("whatever a manifest holds, it is read or refused, and what is read is sound", () => {
  const sound = JSON.parse(makeImage(layers).bytes.toString()) as object;
  const odd = fc.jsonValue();
  const field = fc.constantFrom("mediaType", "config", "layers", "manifests", "schemaVersion", "x");
  const text = fc.oneof(
    fc.string(),
    odd.map((value) => JSON.stringify(value)),
    fc.tuple(field, odd).map(([name, value]) => JSON.stringify({ ...sound, [name]: value })),
    fc
      .array(fc.record({ mediaType: fc.string(), digest: fc.string(), size: fc.integer() }))
      .map((all) => JSON.stringify({ ...sound, layers: all })),
  );
  fc.assert(
    fc.property(
      text,
      fc.constantFrom("", ...manifestTypes.image, ...manifestTypes.index),
      (json, contentType) => {
        try {
          const manifest = parseManifest({ ...contentOf(json), contentType }, "core:1");
          if (manifest.kind === "index") return;
          for (const { digest, sizeBytes } of [manifest.config, ...manifest.layers]) {
            expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
            expect(sizeBytes).toBeGreaterThan(0);
          }
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          expect(error.code).toBe("image.unusable");
        }
      },
    ),
    { numRuns: 1000 },
  );
});
