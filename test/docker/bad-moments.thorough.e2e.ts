import { execFileSync } from "node:child_process";
import { mkdtemp, open, readdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { openCells } from "./cells.ts";
import { openEngineProxy } from "./engine-proxy.ts";
import { expectFailure, type ImageStock, layerBytes, openImageStock } from "./image-stock.ts";
import { docker } from "./run-heros.ts";
import { mountDisk } from "./small-disk.ts";

let stock: ImageStock;
beforeAll(async () => {
  stock = await openImageStock();
});
afterAll(() => stock.close());

const cell = openCells();
const images = ["--images"];
const makeFolder = () => mkdtemp(path.join(stock.folder, "disk-"));

/** Of a disk on which models, images and what heros leaves free fit. */
const roomBytes = 128 * 1024 * 1024;

/** Two heros, at half of an image. */
async function startTwo() {
  const scene = await stock.openCase();
  // Of one connection each, nobody takes over what another has not read yet.
  const alone = [...images, "--max-connections=1"];
  const one = scene.start("pull", alone);
  await stock.untilHalf(one);
  const other = scene.start("pull", alone);
  await other.until(({ type }) => type === "image.planned");
  return { one, other };
}

cell("two heros at once", async () => {
  const { one, other } = await startTwo();
  stock.goOn();
  const runs = await Promise.all([one.ended, other.ended]);
  for (const run of runs) await stock.expectImage(run);
  expect(stock.front.blobBytes()).toBeLessThan(1.05 * stock.imageBytes);
  return runs.map(stock.told).join(" and ");
});

cell("two heros at once, and the first is killed", async () => {
  const { one, other } = await startTwo();
  // Docker fetches the layers for both, from the first one's registry.
  await expect
    .poll(() => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }))
    .toMatch(/(?:^docker pull 127\.0\.0\.1:\d+\/heros-[^]*){2}/mu);
  one.kill("SIGKILL");
  await one.ended;
  const killedMs = performance.now();
  stock.goOn();
  const run = await other.ended;
  await stock.expectDocker(run);
  const seconds = (performance.now() - killedMs) / 1000;
  // Of what Docker takes to give up a registry.
  expect(seconds).toBeLessThan(50);
  return `${stock.told(run)}, ${seconds.toFixed(1)} s later`;
});

cell("a disk that is too small", async () => {
  using disk = mountDisk(await makeFolder(), stock.imageBytes / 2);
  const scene = await stock.openCase({ cacheDir: disk.folder });
  const run = await scene.pull(images);
  expectFailure(run, { code: "disk.too_small", exitCode: 7, words: "Not enough disk space" });
  expect(stock.front.blobBytes()).toBeLessThan(0.01 * stock.imageBytes);
  disk.grow(roomBytes);
  const how = stock.told(run);
  const second = await scene.pull(images);
  await stock.expectImage(second);
  return `${how}, then ${stock.told(second)}`;
});

cell("a disk that is full at half of the image", async () => {
  using disk = mountDisk(await makeFolder(), roomBytes);
  const scene = await stock.openCase({ cacheDir: disk.folder });
  const heros = scene.start("pull", images);
  await stock.untilHalf(heros);
  disk.fill();
  // A little more, so that little is on its way when it ends.
  stock.front.allow(0.51 * stock.imageBytes);
  const run = await heros.ended;
  expectFailure(run, { code: "disk.full", exitCode: 7, words: "" });
  disk.empty();
  stock.goOn();
  stock.front.mark();
  const how = stock.told(run);
  const second = await scene.pull(images);
  await stock.expectImage(second);
  return `${how}, then ${stock.told(second)}`;
});

cell("a kept layer that the disk damaged", async () => {
  const scene = await stock.openCase();
  const kept = [...images, "--keep-images"];
  await scene.pull(kept);
  const forget = () => docker(["rmi", "--force", `${stock.front.host}/acme/core:1`]);
  await forget();
  const folder = path.join(scene.cacheDir, ".heros/images");
  const [layer] = stock.layers;
  const file = await open(path.join(folder, "blobs/sha256", layer?.digest.slice(7) ?? ""), "r+");
  await file.write("damaged", layerBytes / 2);
  await file.close();
  const run = await scene.pull(kept);
  await stock.expectDocker(run);
  const how = stock.told(run);
  await forget();
  stock.front.reset();
  // What is damaged was found out: the next run fetches it, and Docker takes the image from heros again.
  const second = await scene.pull(images);
  await stock.expectDocker(second);
  expect(stock.front.blobBytes()).toBeLessThan(1.05 * (layer?.sizeBytes ?? 0));
  expect(stock.front.blobBytes()).toBeGreaterThan(0.9 * (layer?.sizeBytes ?? 0));
  await expect(readdir(folder)).rejects.toThrow("ENOENT");
  return `${how}, then ${stock.told(second)}`;
});

const phases = ["surveying", "downloading", "unpacking"] as const;
for (const phase of phases) {
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    cell(`${signal} while ${phase}`, async () => {
      const scene = await stock.openCase();
      const engine = await openEngineProxy();
      const isPulled = phase === "unpacking" ? engine.hold(/^POST \S*\/images\/create/u) : null;
      const asked = Promise.withResolvers<void>();
      if (phase === "surveying") {
        stock.front.setFault(({ kind }) => {
          if (kind !== "manifest") return undefined;
          asked.resolve();
          return { silent: true };
        });
      }
      const heros = scene.start("pull", images, { env: { DOCKER_HOST: engine.address } });
      if (phase === "surveying") await asked.promise;
      if (phase === "downloading") await stock.untilHalf(heros);
      if (phase === "unpacking") {
        await isPulled;
        await heros.until((event) => event.type === "image.progress" && event.phase === phase);
      }
      heros.kill(signal);
      const run = await heros.ended;
      stock.front.mark();
      if (signal === "SIGINT") {
        expect(run.events.at(-1)).toMatchObject({ type: "run.cancelled" });
        expect(run).toMatchObject({ exitCode: 130, stderr: "" });
        expect(await docker(["image", "ls"])).not.toContain("/heros-");
      }
      const how =
        signal === "SIGINT"
          ? stock.told(run)
          : `killed, ${stock.share(stock.front.blobBytes())} fetched`;
      engine.release();
      stock.front.setFault(null);
      stock.goOn();
      const second = await scene.pull(images);
      await stock.expectImage(second);
      return `${how}, then ${stock.told(second)}`;
    });
  }
}
