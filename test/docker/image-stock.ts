import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import { expect, onTestFinished } from "vitest";
import { freePort } from "../host/free-port.ts";
import { noise } from "../source/oci/images.ts";
import { type Front, type FrontFault, type FrontRequest, openFront } from "./front.ts";
import { tarOf } from "./real-image.ts";
import { type Layer, type Registry, startRegistry } from "./registry.ts";
import { docker, type HerosProcess, type HerosRun } from "./run-heros.ts";
import { openScene, type Scene } from "./scene.ts";

export const layerBytes = 2_000_000;
const layerCount = 6;
/** Of the image, what may be sent twice: what a busy machine has in its sockets when a run ends. */
const twice = 0.05;

/** Debian's registry with one image of layers that don't compress, behind a front that counts and goes wrong. */
export interface ImageStock {
  readonly folder: string;
  readonly front: Front;
  readonly layers: readonly Layer[];
  readonly imageBytes: number;
  registry(): Registry;
  /** As `kill -9` does, until it is started again. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** A stack of one service with the image of this tag, which Docker does not have. */
  openCase(options?: { readonly tag?: string; readonly cacheDir?: string }): Promise<Scene>;
  /** Until heros has half of the image, which is marked, and of which no more comes before `goOn`. */
  untilHalf(heros: HerosProcess): Promise<void>;
  /** Ends the answers that are held back; nothing is from now on. */
  goOn(): void;
  /** Docker has the image. */
  expectDocker(run: HerosRun, at?: InDocker): Promise<void>;
  /** Docker has it, and next to nothing was sent again that was sent before the mark. */
  expectImage(run: HerosRun, at?: InDocker): Promise<void>;
  /** How it ended, and how much of the image was sent since the case was opened. */
  told(run: HerosRun): string;
  share(bytes: number): string;
  close(): Promise<void>;
}

interface InDocker {
  /** Default: the engine of all tests. */
  readonly env?: NodeJS.ProcessEnv;
  readonly tag?: string;
}

export async function openImageStock(): Promise<ImageStock> {
  const folder = await mkdtemp(path.join(tmpdir(), "heros-stock-"));
  const port = await freePort();
  let registry = await startRegistry({ folder, port });
  let isUp = true;
  const front = await openFront(port);
  const layers = await Promise.all(
    Array.from({ length: layerCount }, async (_, index) => {
      const tar = tarOf(`${index}`, noise(`${folder} ${index}`, layerBytes));
      return registry.pushLayer("acme/core", Readable.from([tar]));
    }),
  );
  await registry.pushImage("acme/core", { tag: "1", layers, entrypoint: ["/bin/none"] });
  const imageBytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const nameOf = (tag: string): string => `${front.host}/acme/core:${tag}`;
  const share = (bytes: number): string => `${((100 * bytes) / imageBytes).toFixed(1)} %`;

  async function restart(): Promise<void> {
    if (isUp) return;
    registry = await startRegistry({ folder, port });
    isUp = true;
  }

  async function expectDocker(
    run: HerosRun,
    { env = process.env, tag = "1" }: InDocker = {},
  ): Promise<void> {
    expect(run).toMatchObject({ exitCode: 0, stderr: "" });
    const asked = ["image", "inspect", "--format", "{{.Id}}", nameOf(tag)];
    expect(await docker(asked, undefined, env)).toMatch(/^sha256:/);
    // What a killed run left in Docker of heros' own names.
    expect(await docker(["image", "ls"], undefined, env)).not.toContain("/heros-");
  }
  return {
    folder,
    front,
    layers,
    imageBytes,
    registry: () => registry,
    async kill() {
      isUp = false;
      await registry.kill();
    },
    restart,
    async openCase({ tag = "1", cacheDir } = {}) {
      await restart();
      await docker(["rmi", "--force", nameOf("1")]).catch(() => "");
      const scene = await openScene({
        change: () => `services:\n  her-os-core:\n    image: ${nameOf(tag)}\n`,
        scale: 0.0002,
        ...(cacheDir === undefined ? {} : { cacheDir }),
      });
      onTestFinished(() => {
        front.setFault(null);
        front.allow(Number.POSITIVE_INFINITY);
      });
      front.reset();
      return scene;
    },
    async untilHalf(heros) {
      const bytes = imageBytes / 2;
      front.allow(bytes);
      // The last pieces that would pass may not fit.
      const least = bytes - 100_000;
      await heros.until((event) => event.type === "image.progress" && event.receivedBytes > least);
      front.mark();
    },
    goOn() {
      front.cut();
      front.allow(Number.POSITIVE_INFINITY);
    },
    expectDocker,
    async expectImage(run, at) {
      await expectDocker(run, at);
      expect(front.blobBytes()).toBeGreaterThanOrEqual(imageBytes);
      expect(front.twiceBytes() / imageBytes).toBeLessThanOrEqual(twice);
    },
    told({ exitCode, events }) {
      const last = events.at(-1);
      const why = last?.type === "run.failed" ? ` ${last.code}` : "";
      return `exit ${exitCode}${why}, ${share(front.blobBytes())} fetched`;
    },
    share,
    async close() {
      await docker(["rmi", "--force", nameOf("1")]).catch(() => "");
      await front.close();
      await registry.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Expected {
  readonly code: string;
  readonly exitCode: number;
  /** Of its sentence, or its hint. */
  readonly words?: string;
}

export function expectFailure(run: HerosRun, { code, exitCode, words = "" }: Expected): void {
  const last = run.events.at(-1);
  expect(last).toMatchObject({ type: "run.failed", code, exitCode });
  if (last?.type === "run.failed") expect(`${last.message} ${last.hint}`).toContain(words);
  expect(run).toMatchObject({ exitCode, stderr: "" });
}

export type FaultOf = (asked: FrontRequest) => FrontFault | undefined;
type Fits = (asked: FrontRequest) => boolean;

/** The fault strikes each of these requests. */
export const each =
  (fits: Fits, fault: FrontFault): FaultOf =>
  (asked) =>
    fits(asked) ? fault : undefined;

/** The fault strikes the first of these requests alone. */
export function first(fits: Fits, fault: FrontFault): FaultOf {
  let struck = false;
  return (asked) => {
    if (struck || !fits(asked)) return undefined;
    struck = true;
    return fault;
  };
}

export const ofKind =
  (kind: FrontRequest["kind"]): Fits =>
  (asked) =>
    asked.kind === kind;
