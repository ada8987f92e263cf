import { expect, test } from "vitest";
import { imageProgress } from "../../src/docker/image-progress.ts";

const images = new Map([["ghcr.io/her-os/her-os-core:latest", "her-os-core"]]);

test.each([
  ["plain, by service", " her-os-core Pulling "],
  ["plain, by image", " Image ghcr.io/her-os/her-os-core:latest Pulling"],
  ["JSON of 2.29", '{"id":"her-os-core","text":"Pulling"}'],
  [
    "JSON of 2.40",
    '{"id":"Image ghcr.io/her-os/her-os-core:latest","status":"Working","text":"Pulling"}',
  ],
])("an image that is being fetched is told: %s", (_what, line) => {
  expect(imageProgress(images).read(line)).toEqual({
    type: "container.changed",
    service: "her-os-core",
    state: "pulling",
  });
});

test("the layers of an image are added up, and what was fetched is not counted again when it is unpacked", () => {
  const { read } = imageProgress(images);
  const layer = (id: string, text: string, current: number) => {
    const line = { id, parent_id: "her-os-core", text, current, total: 10_000_000_000 };
    const { receivedBytes, totalBytes } = read(JSON.stringify(line)) ?? {};
    return [receivedBytes, totalBytes];
  };
  expect(layer("a", "Downloading", 4_000_000_000)).toEqual([4_000_000_000, 10_000_000_000]);
  expect(layer("b", "Downloading", 2_000_000_000)).toEqual([6_000_000_000, 20_000_000_000]);
  expect(layer("a", "Downloading", 10_000_000_000)).toEqual([12_000_000_000, 20_000_000_000]);
  expect(layer("a", "Extracting", 1_000_000)).toEqual([12_000_000_000, 20_000_000_000]);
});

test.each([
  "",
  "{",
  "{}",
  '{"id":7}',
  "time=2026 level=warning msg=stray",
  " Container her-os-postgres-1  Created ",
  ' {"id":"Container her-os-postgres-1","status":"Creating"}',
  '{"id":"layer","parent_id":"somebody-else","text":"Downloading","current":1,"total":2}',
])("%j tells of no image", (line) => {
  expect(imageProgress(images).read(line)).toBeNull();
});

test.each([
  ["2.26", [" her-os-core Pulling ", " her-os-core Pulled "]],
  ["2.40", ['{"id":"her-os-core","text":"Pulling"}', '{"id":"her-os-core","text":"Pulled"}']],
  [
    "5.6",
    [
      '{"id":"Image ghcr.io/her-os/her-os-core:latest","status":"Working","text":"Pulling"}',
      '{"id":"Image ghcr.io/her-os/her-os-core:latest","status":"Warning","text":"Interrupted"}',
    ],
  ],
])("which images are still on their way is known: %s", (_version, [begins = "", ends = ""]) => {
  const { read, pending } = imageProgress(images);
  read(begins);
  expect(pending()).toEqual(["her-os-core"]);
  read(ends);
  expect(pending()).toEqual([]);
});
