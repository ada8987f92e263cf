import { writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type HandedImage, openHandOver } from "../../src/docker/hand-over.ts";
import { realClock } from "../../src/host/real-host.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import { createImageReporter } from "../../src/run/state/images-state.ts";
import { temporaryFolder, testHost } from "../deploy/compose/fixtures.ts";
import { fails, fakeDocker } from "./fake-docker.ts";
import { realImage } from "./real-image.ts";

test("an engine that ends while it loads an image is given the image again once it is back", async () => {
  const { taken, commands, retries } = await handOver("load", {
    load: `
case "$tries" in
1) ${fails("unexpected EOF")}
;;
2) ${fails("Cannot connect to the Docker daemon at unix:///run/docker.sock.")}
;;
esac`,
  });
  expect(taken).toBe(true);
  expect(commands).toEqual(["load --quiet", "load --quiet", "version", "load --quiet"]);
  expect(retries).toMatchObject([{ reason: "Docker is not responding" }]);
});

test("an archive that Docker does not read is not sent again: Docker pulls the image itself", async () => {
  const { taken, commands } = await handOver("load", {
    load: fails("archive/tar: invalid tar header"),
  });
  expect(taken).toBe(false);
  expect(commands).toEqual(["load --quiet"]);
});

test("an image that Docker can't use is offered once, and by no other way", async () => {
  const { taken, commands } = await handOver("registry", {
    pull: fails("failed to register layer: max depth exceeded"),
  });
  expect(taken).toMatchObject({ code: "docker.image_refused", exitCode: 4 });
  expect(commands).toEqual([
    expect.stringMatching(/^pull 127\.0\.0\.1:/u),
    expect.stringMatching(/^rmi 127\.0\.0\.1:/u),
  ]);
});

test("a layer that Docker fetches from another heros, which is gone, is asked for again", async () => {
  const { taken, commands } = await handOver("registry", {
    pull: `
tries=$(grep -c '^pull ' "$log")
[ "$tries" -ge 2 ] || { echo "0123456789ab: Retrying in 5 seconds"; exec sleep 100; }`,
  });
  expect(taken).toBe(true);
  expect(commands.map((command) => command.split(" ")[0])).toEqual(["pull", "pull", "tag", "rmi"]);
});

/** Hands an image to a `docker` that pulls and loads as pieces of shell script say. Time passes quickly. */
async function handOver(
  way: HandedImage["way"],
  { pull = ":", load = ":" }: { readonly pull?: string; readonly load?: string },
) {
  const docker = await fakeDocker(`
case "$*" in
"pull "*) ${pull} ;;
"load "*)
cat >/dev/null
tries=$(grep -c '^load ' "$log")
${load}
;;
esac`);
  const image = await imageIn(await temporaryFolder(), way);
  const host = testHost({ PATH: `${docker.bin}:/usr/bin:/bin` });
  const clock = { ...host.clock, sleep: () => realClock.sleep(1) };
  const events: HerosEvent[] = [];
  const emit = (event: HerosEvent): void => void events.push(event);
  const opened = openHandOver({
    host: { ...host, clock },
    emit,
    signal: new AbortController().signal,
    images: [image],
    pathOf: image.pathOf,
    present: image.coming,
    reporter: createImageReporter(emit),
    onHanded: () => Promise.resolve(),
  });
  onTestFinished(() => opened.close());
  const taken = await opened.handed(image.name).catch((error: unknown) => error);
  const retries = events.filter(({ type }) => type === "download.retrying");
  return { taken, commands: await docker.calls(), retries };
}

/** An image of one layer, which lies in a folder. */
async function imageIn(folder: string, way: HandedImage["way"]) {
  const { config, layers, manifest, mediaType } = realImage([
    { path: "file", content: Buffer.from("content") },
  ]);
  const pathOf = (digest: string): string => path.join(folder, digest.replace(":", "-"));
  const parts = [config, ...layers];
  for (const { digest, bytes } of parts) await writeFile(pathOf(digest), bytes);
  const part = ({ digest, bytes }: (typeof parts)[number]) => ({ digest, sizeBytes: bytes.length });
  return {
    name: "heros.example/core:1",
    fullName: "heros.example/core:1",
    digest: manifest.digest,
    manifestDigest: manifest.digest,
    mediaType,
    index: null,
    manifest: manifest.bytes,
    config: part(config),
    layers: layers.map(part),
    coming: new Set(parts.map(({ digest }) => digest)),
    engineId: null,
    way,
    neededForOnline: true,
    platform: null,
    pathOf,
  };
}
