import { expect, test } from "vitest";
import { imageTitle } from "../../../src/ui/messages/images.ts";

test.each([
  ["neo4j:5-community", "neo4j"],
  ["docker.io/library/redis:7@sha256:abc", "redis"],
  ["localhost:5000/annie", "annie"],
  ["ghcr.io/her-os/her-os-core:1.4", "her-os-core"],
])("%s is called %s", (image, title) => {
  expect(imageTitle(image, [{ image }])).toBe(title);
});

test("images that end alike are told apart", () => {
  const named = (...images: readonly string[]) =>
    images.map((image) =>
      imageTitle(
        image,
        images.map((each) => ({ image: each })),
      ),
    );
  expect(named("a.io/x/core:1", "b.io/y/core:1")).toEqual(["a.io/x/core", "b.io/y/core"]);
  expect(named("redis:6", "redis:7")).toEqual(["redis:6", "redis:7"]);
});
