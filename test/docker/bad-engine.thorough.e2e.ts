import { chown, mkdir, mkdtemp, stat } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { tarHeader } from "../../src/docker/tar.ts";
import { freePort } from "../host/free-port.ts";
import { openCells } from "./cells.ts";
import { expectFailure, first, type ImageStock, openImageStock } from "./image-stock.ts";
import { createEngine, type OwnEngine } from "./own-engine.ts";
import { mountDisk, type SmallDisk } from "./small-disk.ts";

const dockerBytes = 128 * 1024 * 1024;

let stock: ImageStock;
let disk: SmallDisk;
let engine: OwnEngine;
let inDocker: { readonly env: NodeJS.ProcessEnv };

beforeAll(async () => {
  stock = await openImageStock();
  const folder = await mkdtemp(path.join(stock.folder, "engine-"));
  const root = path.join(folder, "data");
  await mkdir(root);
  disk = mountDisk(root, 4 * dockerBytes);
  engine = createEngine(folder, root);
  inDocker = { env: { ...process.env, ...engine.env } };
  await engine.start();
});

afterAll(async () => {
  await engine.stop();
  disk[Symbol.dispose]();
  await stock.close();
});

const cell = openCells();
const images = ["--images"];

cell("the engine stopped while it takes an image, and started again", async () => {
  const scene = await stock.openCase();
  const last = stock.layers.at(-1);
  const goesOn = Promise.withResolvers<void>();
  const isLast = ({ reference }: { readonly reference: string }) => reference === last?.digest;
  stock.front.setFault(first(isLast, { after: goesOn.promise }));
  const heros = scene.start("pull", images, { env: engine.env });
  const least = stock.imageBytes - (last?.sizeBytes ?? 0);
  await heros.until((event) => event.type === "image.progress" && event.receivedBytes >= least);
  await engine.stop();
  await heros.until(
    (event) => event.type === "download.retrying" && event.reason === "Docker is not responding",
  );
  await engine.start();
  goesOn.resolve();
  const run = await heros.ended;
  await stock.expectImage(run, inDocker);
  return stock.told(run);
});

cell("Docker's disk full while it unpacks", async () => {
  const zeros = await stock.registry().pushLayer("acme/core", Readable.from(zerosOf(dockerBytes)));
  const layers = [...stock.layers.slice(1, 2), zeros];
  const entrypoint = ["/bin/none"];
  await stock.registry().pushImage("acme/core", { tag: "zeros", layers, entrypoint });
  const scene = await stock.openCase({ tag: "zeros" });
  disk.grow(dockerBytes);
  const run = await scene.pull(images, { env: engine.env });
  expectFailure(run, { code: "docker.disk_full", exitCode: 7, words: "no space left on device" });
  const how = stock.told(run);
  disk.grow(4 * dockerBytes);
  stock.front.reset();
  const second = await scene.pull(images, { env: engine.env });
  await stock.expectDocker(second, { ...inDocker, tag: "zeros" });
  expect(stock.front.blobBytes()).toBeLessThan(10_000);
  return `${how}, then ${stock.told(second)}`;
});

/** Root, to whom what another user owns is closed as it is to others. */
const powerless = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

cell("a user who may not use Docker", async () => {
  const scene = await stock.openCase();
  const socket = (process.env["DOCKER_HOST"] ?? "").replace("unix://", "");
  const before = await stat(socket);
  await chown(socket, 65_534, 65_534);
  onTestFinished(() => chown(socket, before.uid, before.gid));
  const setup = await scene.start("setup", [`--port=${await freePort()}`], { by: powerless }).ended;
  const denied = { code: "docker.no_permission", exitCode: 4, words: "permission to use Docker" };
  expectFailure(setup, denied);
  const how = stock.told(setup);
  // It needs no engine to download, but says why Docker has nothing of it.
  const pulled = await scene.pull(images, { by: powerless });
  expectFailure(pulled, { ...denied, code: "docker.images_not_given" });
  const pulledHow = stock.told(pulled);
  await chown(socket, before.uid, before.gid);
  const second = await scene.pull(images);
  await stock.expectImage(second);
  return `${how}, then ${pulledHow} into the cache, then ${stock.told(second)}`;
});

/** A tar of one file that packs to next to nothing. */
function* zerosOf(bytes: number): Generator<Buffer> {
  yield tarHeader("zeros", bytes);
  const piece = Buffer.alloc(1 << 20);
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
  yield Buffer.alloc(1024);
}
