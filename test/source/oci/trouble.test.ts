import { expect, test } from "vitest";
import { parsePlatform } from "../../../src/source/oci/manifest.ts";
import { parseImageReference } from "../../../src/source/oci/reference.ts";
import { type Image, makeImage, noise } from "./images.ts";
import type { Fault, Seen } from "./registry-server.ts";
import { failed, openScene, type Scene, type SceneOptions } from "./scene.ts";

const layers = [noise("one", 3000), noise("two", 500)];
/** A registry with an image at `core:1`, and this fault. */
async function faulty(
  intercept: (seen: Seen, times: number) => Fault | undefined,
  options: SceneOptions = {},
): Promise<Scene & { readonly image: Image }> {
  const times = new Map<string, number>();
  const image = makeImage(layers);
  const scene = await openScene({
    ...options,
    intercept(seen) {
      const count = (times.get(seen.url) ?? 0) + 1;
      times.set(seen.url, count);
      return intercept(seen, count);
    },
  });
  scene.server.push("core", "1", image, [image]);
  return Object.assign(scene, { image });
}

const isManifest = ({ url }: Seen): boolean => url.includes("/manifests/");
const isBlob = ({ url }: Seen): boolean => url.includes("/blobs/");

test.each([
  ["manifest", isManifest],
  ["configuration", isBlob],
])("a %s with a flipped bit is asked for again, and given up after three", async (part, wanted) => {
  await using once = await faulty((seen, times) =>
    wanted(seen) && times === 1 ? { flip: true } : {},
  );
  expect((await once.resolve("core:1")).digest).toBe(once.image.digest);
  await using always = await faulty((seen) => (wanted(seen) ? { flip: true } : {}));
  await expect(always.resolve("core:1")).rejects.toEqual(
    failed("image.damaged", 6, `The ${part} of ${always.server.host}/core:1`),
  );
  expect(always.server.seen.filter(wanted)).toHaveLength(3);
});

test.each([301, 307, 308])(
  "an image that moved (%i) is asked for where it is now",
  async (status) => {
    const image = makeImage(layers);
    await using now = await openScene();
    now.server.push("new/core", "1", image, [image]);
    await using scene = await openScene({
      intercept({ url }) {
        const location = `http://${now.server.host}${url.replace("/old/", "/new/")}`;
        return { answer: { status, headers: { location } } };
      },
    });
    const found = await scene.resolve("old/core:1");
    expect(found).toMatchObject({ digest: image.digest, reference: { repository: "old/core" } });
  },
);

test("a manifest by digest is held against that, whatever the registry says", async () => {
  const other = makeImage([noise("other", 5)]);
  await using scene = await faulty((seen) =>
    isManifest(seen)
      ? {
          answer: {
            status: 200,
            headers: { "content-type": other.mediaType, "docker-content-digest": other.digest },
            body: other.bytes,
          },
        }
      : {},
  );
  const { digest } = scene.image;
  await expect(scene.resolve(`core@${digest}`)).rejects.toEqual(
    failed("image.damaged", 6, `expected ${digest}, got ${other.digest}`),
  );
});

test("a registry that does not name the digest is believed by tag", async () => {
  await using scene = await faulty(() => ({ headers: { "docker-content-digest": null } }));
  expect((await scene.resolve("core:1")).digest).toBe(scene.image.digest);
});

test.each([
  ["resets connections", { reset: true }],
  ["answers 503", { answer: { status: 503 } }],
  ["cuts answers short", { cutAfterBytes: 7 }],
  ["asks us to slow down", { answer: { status: 429, headers: { "retry-after": "1" } } }],
])("a registry that %s for a while is asked again", async (_, fault) => {
  await using scene = await faulty((_seen, times) => (times <= 2 ? fault : {}));
  expect((await scene.resolve("core:1")).digest).toBe(scene.image.digest);
});

test.each<[string, Fault, string, number, string]>([
  ["resets connections", { reset: true }, "registry.unreachable", 5, "the connection was cut"],
  ["hangs", { hang: true }, "registry.unreachable", 5, "timed out"],
  ["answers 500", { answer: { status: 500 } }, "registry.server_error", 5, "status 500"],
  [
    "is behind a login page",
    { answer: { status: 200, headers: { "content-type": "text/html" }, body: "<h1>" } },
    "registry.captive_portal",
    5,
    "a web page instead of the manifest",
  ],
  [
    "is behind a login page that does not say what it is",
    { answer: { status: 200, body: "\n<!DOCTYPE html>" } },
    "registry.captive_portal",
    5,
    "a web page instead of the manifest",
  ],
  [
    "is a web server",
    { answer: { status: 404, headers: { "content-type": "text/html" }, body: "<h1>" } },
    "registry.captive_portal",
    5,
    "status 404 with a web page for core",
  ],
  [
    "sends us in circles",
    { answer: { status: 302, headers: { location: "?" } } },
    "registry.redirect_loop",
    5,
    "Too many redirects",
  ],
  [
    "sends us to a file",
    { answer: { status: 302, headers: { location: "file:///etc/passwd" } } },
    "registry.captive_portal",
    5,
    "unsafe address",
  ],
  [
    "packs its answer in a way that nobody knows",
    { headers: { "content-encoding": "rot13" } },
    "registry.captive_portal",
    5,
    "compressed answer (rot13)",
  ],
  [
    "asks us to come back tomorrow",
    { answer: { status: 429, headers: { "retry-after": "86400" } } },
    "registry.rate_limited",
    5,
    "allows no more requests until",
  ],
])("a registry that %s ends as what it is", async (_, fault, code, exitCode, message) => {
  const registries = fault.hang === true ? { answerLimitMs: 200, forMs: 1000 } : {};
  await using scene = await faulty(() => fault, { registries });
  await expect(scene.resolve("core:1")).rejects.toEqual(failed(code, exitCode, message));
});

test.each([
  ["longer than it", { "content-type": "text/html" }, `<h1>${"log in ".repeat(1000)}</h1>`],
  ["that does not say what it is", {}, "<h1>log in</h1>"],
])("a web page %s is told in the place of a configuration", async (_, headers, body) => {
  const page = { answer: { status: 200, headers, body } };
  await using scene = await faulty((seen) => (isBlob(seen) ? page : undefined));
  await expect(scene.resolve("core:1")).rejects.toEqual(
    failed("registry.captive_portal", 5, "a web page instead of sha256:"),
  );
});

test("a registry that asks for a longer wait than anybody has is not asked again", async () => {
  const busy = { status: 429, headers: { "retry-after": "21600" } };
  await using scene = await faulty(() => ({ answer: busy }));
  await expect(scene.resolve("core:1")).rejects.toEqual(
    failed("registry.rate_limited", 5, "allows no more requests until"),
  );
  expect(scene.server.seen).toHaveLength(1);
});

test("what is not there is said as what it is: a tag, or a whole repository", async () => {
  await using scene = await faulty(() => undefined);
  const { host } = scene.server;
  await expect(scene.resolve("core:2")).rejects.toEqual(
    failed(
      "image.not_found",
      2,
      `${host} has no image ${host}/core:2: the repository has no such tag.`,
    ),
  );
  await expect(scene.resolve("gone:1")).rejects.toEqual(
    failed("image.not_found", 2, `${host} has no image ${host}/gone:1, or it is private.`),
  );
});

test("an image whose configuration is gone is incomplete", async () => {
  const image = { ...makeImage(layers), blobs: [] };
  await using scene = await openScene();
  scene.server.push("core", "1", image);
  await expect(scene.resolve("core:1")).rejects.toEqual(failed("image.incomplete", 5, "sha256:"));
});

test("nobody at an address is told as that", async () => {
  await using scene = await openScene();
  const closed = scene.server.host;
  await scene.server[Symbol.asyncDispose]();
  await expect(scene.resolve(`${closed}/core:1`)).rejects.toEqual(
    failed("registry.unreachable", 5, `Can't reach ${closed}: connection refused.`),
  );
});

test("a resolve that is stopped ends as that", async () => {
  const stop = new AbortController();
  await using scene = await faulty(() => {
    stop.abort();
    return { hang: true };
  });
  const reference = parseImageReference(`${scene.server.host}/core:1`);
  const ended = scene.registries.resolve(reference, parsePlatform("linux/arm64", ""), stop.signal);
  await expect(ended).rejects.toMatchObject({ name: "AbortError" });
});
