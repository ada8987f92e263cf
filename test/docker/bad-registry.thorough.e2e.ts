import { afterAll, beforeAll, expect } from "vitest";
import { openCells } from "./cells.ts";
import type { FrontRequest } from "./front.ts";
import {
  each,
  type Expected,
  expectFailure,
  type FaultOf,
  first,
  type ImageStock,
  ofKind,
  openImageStock,
} from "./image-stock.ts";
import { manifestType, ownArchitecture } from "./registry.ts";
import { ofType } from "./run-heros.ts";

let stock: ImageStock;
beforeAll(async () => {
  stock = await openImageStock();
});
afterAll(() => stock.close());

const cell = openCells();
const images = ["--images"];
/** Nobody takes over what another connection has not read yet. */
const alone = ["--images", "--max-connections=1"];
const isLayer = (index: number) => (asked: FrontRequest) =>
  asked.reference === stock.layers[index]?.digest;

cell("registry down before the first byte", async () => {
  const scene = await stock.openCase();
  await stock.kill();
  const heros = scene.start("pull", images);
  await heros.until(({ type }) => type === "registry.waiting");
  await stock.restart();
  const run = await heros.ended;
  await stock.expectImage(run);
  return stock.told(run);
});

cell("registry killed at half of the image, and started again", async () => {
  const scene = await stock.openCase();
  const heros = scene.start("pull", images);
  await stock.untilHalf(heros);
  await stock.kill();
  stock.goOn();
  await heros.until(({ type }) => type === "download.retrying");
  await stock.restart();
  const run = await heros.ended;
  await stock.expectImage(run);
  return stock.told(run);
});

cell("a layer that comes a byte now and then", async () => {
  const scene = await stock.openCase();
  stock.front.setFault(first(isLayer(0), { drip: true }));
  const run = await scene.pull(images);
  await stock.expectImage(run);
  return stock.told(run);
});

cell("a layer that stalls at half", async () => {
  const scene = await stock.openCase();
  stock.front.setFault(first(isLayer(0), { stallAt: 0.5 }));
  const run = await scene.pull(alone);
  await stock.expectImage(run);
  expect(stock.front.blobBytes()).toBeLessThan(1.05 * stock.imageBytes);
  return stock.told(run);
});

cell("connection cut at half of a layer", async () => {
  const scene = await stock.openCase();
  stock.front.setFault(first(isLayer(0), { cutAt: 0.5 }));
  const run = await scene.pull(alone);
  await stock.expectImage(run);
  expect(stock.front.blobBytes()).toBeLessThan(1.05 * stock.imageBytes);
  expect(ofType(run, "download.retrying").length).toBeGreaterThan(0);
  return stock.told(run);
});

const unauthorized = { "WWW-Authenticate": 'Basic realm="acme"' };
const refusal = (code: string): string =>
  JSON.stringify({ errors: [{ code, message: "no entry" }] });

for (const [status, code, headers] of [
  [401, "UNAUTHORIZED", unauthorized],
  [403, "DENIED", {}],
] as const) {
  const answer = { status, headers, body: refusal(code) };
  cell(`${status} for the manifest`, () =>
    failsAndGoesOn({ fault: each(ofKind("manifest"), answer), code: "image.denied", exitCode: 2 }),
  );
  cell(`${status} from half of the image on`, () =>
    failsAndGoesOn({
      fault: each(ofKind("blob"), answer),
      half: true,
      code: "image.denied",
      exitCode: 2,
    }),
  );
}

cell("404 for the tag", async () => {
  const scene = await stock.openCase({ tag: "2" });
  const run = await scene.pull(images);
  expectFailure(run, { code: "image.not_found", exitCode: 2, words: "no such tag" });
  return stock.told(run);
});

cell("404 for a layer", () =>
  failsAndGoesOn({
    fault: each(isLayer(5), { status: 404, body: refusal("BLOB_UNKNOWN") }),
    flags: alone,
    code: "image.incomplete",
    exitCode: 5,
  }),
);

cell("429 for a moment", async () => {
  const scene = await stock.openCase();
  const answer = { status: 429, headers: { "Retry-After": "1" }, body: refusal("TOOMANYREQUESTS") };
  stock.front.setFault(first(ofKind("manifest"), answer));
  const heros = scene.start("pull", images);
  await stock.untilHalf(heros);
  stock.front.setFault(first(ofKind("blob"), answer));
  stock.goOn();
  const run = await heros.ended;
  await stock.expectImage(run);
  expect(ofType(run, "download.retrying").map(({ reason }) => reason)).toContainEqual(
    expect.stringContaining("slow down"),
  );
  return stock.told(run);
});

for (const [name, headers] of [
  ["Retry-After", { "Retry-After": "21600" }],
  ["RateLimit-Limit", { "RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "0;w=21600" }],
] as const) {
  const answer = { status: 429, headers, body: refusal("TOOMANYREQUESTS") };
  cell(`429 for six hours by ${name}, for the manifest`, () =>
    failsAndGoesOn({
      fault: each(ofKind("manifest"), answer),
      code: "registry.rate_limited",
      exitCode: 5,
    }),
  );
  cell(`429 for six hours by ${name}, from half of the image on`, () =>
    failsAndGoesOn({
      fault: each(ofKind("blob"), answer),
      half: true,
      code: "registry.rate_limited",
      exitCode: 5,
    }),
  );
}

cell("no image for this platform", async () => {
  const other = ownArchitecture === "arm64" ? "s390x" : "arm64";
  const pushed = await stock.registry().pushImage("acme/core", {
    tag: "other",
    layers: stock.layers,
    entrypoint: ["/bin/none"],
    architecture: other,
  });
  const mediaType = "application/vnd.oci.image.index.v1+json";
  const { digest, sizeBytes: size } = pushed;
  const platform = { os: "linux", architecture: other };
  const manifests = [{ mediaType: manifestType, digest, size, platform }];
  const content = JSON.stringify({ schemaVersion: 2, mediaType, manifests });
  await stock.registry().pushManifest("acme/core", { tag: "index", mediaType, content });
  for (const tag of ["other", "index"]) {
    const run = await (await stock.openCase({ tag })).pull(images);
    expectFailure(run, {
      code: "image.no_platform",
      exitCode: 4,
      words: `only for linux/${other}`,
    });
  }
  return "exit 4 image.no_platform, of an image and of an index";
});

cell("a layer that is damaged each time", async () => {
  const scene = await stock.openCase();
  stock.front.setFault(each(isLayer(3), { garbled: true }));
  const run = await scene.pull(alone);
  expectFailure(run, { code: "download.hash_mismatch", exitCode: 6, words: "three times" });
  const again = ofType(run, "download.retrying").filter(({ reason }) => reason.includes("hash"));
  expect(again.map(({ attempt }) => attempt)).toEqual([1, 2]);
  stock.front.setFault(null);
  stock.front.mark();
  const second = await scene.pull(images);
  await stock.expectDocker(second);
  // All but that layer was kept.
  expect(stock.front.twiceBytes(stock.layers[3]?.digest)).toBeLessThan(0.05 * stock.imageBytes);
  return `exit 6 after three tries, then exit 0, ${stock.share(stock.front.twiceBytes())} again`;
});

const odd = {
  "schema 1": JSON.stringify({ schemaVersion: 1, name: "acme/core", fsLayers: [], history: [] }),
  "of a kind that nobody knows": JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.acme.manifest.v9+json",
    config: {},
    layers: [],
  }),
  "no JSON": "manifest: yes",
};
for (const [name, body] of Object.entries(odd)) {
  cell(`a manifest that is ${name}`, () =>
    failsAndGoesOn({
      fault: each(ofKind("manifest"), { status: 200, body }),
      code: "image.unusable",
      exitCode: 2,
    }),
  );
}

cell("an image whose layers are not what its configuration says", async () => {
  const [one, other] = stock.layers;
  if (one === undefined || other === undefined) throw new Error("no layers");
  const layers = [{ ...one, diffId: other.diffId }];
  const pushed = { tag: "mixed", layers, entrypoint: ["/bin/none"] };
  await stock.registry().pushImage("acme/core", pushed);
  const scene = await stock.openCase({ tag: "mixed" });
  const run = await scene.pull(alone);
  expectFailure(run, {
    code: "docker.image_refused",
    exitCode: 4,
    words: `Docker can't use ${stock.front.host}/acme/core:mixed`,
  });
  // Docker does not fetch again by itself what it can't unpack.
  expect(stock.front.blobBytes()).toBeLessThan(1.05 * one.sizeBytes);
  return stock.told(run);
});

cell("a manifest without an end", () =>
  failsAndGoesOn({
    fault: each(ofKind("manifest"), { endless: `{"schemaVersion": 2, ` }),
    code: "image.unusable",
    exitCode: 2,
  }),
);

/** A run that a fault ends, from its beginning or from half of the image on, and one without it that fetches the rest. */
async function failsAndGoesOn({
  fault,
  half = false,
  flags = images,
  ...expected
}: Expected & {
  readonly fault: FaultOf;
  readonly half?: boolean;
  readonly flags?: readonly string[];
}): Promise<string> {
  const scene = await stock.openCase();
  if (!half) stock.front.setFault(fault);
  const heros = scene.start("pull", flags);
  if (half) {
    await stock.untilHalf(heros);
    stock.front.setFault(fault);
    stock.goOn();
  }
  const run = await heros.ended;
  expectFailure(run, expected);
  expect(run.events.at(-1)).toMatchObject({
    message: expect.stringContaining(stock.front.host) as string,
  });
  const how = stock.told(run);
  expect(stock.front.sentBytes()).toBeLessThan(mostSentBytes);
  stock.front.mark();
  stock.front.setFault(null);
  const second = await scene.pull(images);
  await stock.expectImage(second);
  return `${how}, then ${stock.told(second)}`;
}

/** Of a manifest without an end, what fits into heros and the sockets on the way. */
const mostSentBytes = 32 * 1024 * 1024;
