import { afterAll } from "vitest";
import type { Fault, Intercept, RecordedRequest } from "../../src/demo/hub/exchange.ts";
import { createHashing } from "../../src/store/hashing.ts";
import type { Tuning } from "../../src/download/tuning.ts";
import type { Host } from "../../src/host/host.ts";
import type { HerosEvent } from "../../src/run/event.ts";
import type { Survey } from "../../src/store/store.ts";
import { model, openScene, quickHost, type Scene } from "./scene.ts";

/** Where in a download a fault strikes. "during verification": in the second fetch, after a hash that did not match. */
export const moments = ["first byte", "middle", "last byte", "during verification"] as const;
export const amounts = ["one file", "many files"] as const;
export type Moment = (typeof moments)[number];
export type Amount = (typeof amounts)[number];

/** The byte at which a fault strikes, in the file that it strikes. */
export interface Spot {
  readonly path: string;
  readonly at: number;
  readonly sizeBytes: number;
  readonly blobName: string;
}

/** One request that would bring the spot's byte. */
export interface Hit {
  /** From 1. */
  readonly count: number;
  /** Bytes of the answer before the spot. */
  readonly before: number;
  readonly spot: Spot;
  readonly scene: Scene;
}

/** Which files a fault can strike: any, those from the other origin, those fetched in ranges. */
export type Target = "any" | "content" | "range";

export interface World {
  readonly scene: Scene;
  readonly host: Host;
  readonly spot: Spot;
  readonly totalBytes: number;
  /** What of a file in memory may be lost when a run ends. */
  readonly smallBytes: number;
  /** Bytes of files that reached heros, over all runs in this process. */
  receivedBytes(): number;
  /** How often a request for the spot's byte was struck. */
  hits(): number;
  /** Of the longest answer that was struck, from the spot on. */
  struckBytes(): number;
  /** Looks at what another process tells, as at what `pull` does. */
  see(event: HerosEvent): void;
  /** No fault from now on. */
  heal(): void;
  pull(changes?: {
    tuning?: Partial<Tuning>;
    host?: Host;
    signal?: AbortSignal;
    onEvent?: (event: HerosEvent) => void;
  }): Promise<Survey>;
}

export const repo = "org/model";
/** One thread for all cells: to start it takes longer than to fetch a small file. */
const hashing = createHashing();
afterAll(() => hashing.close());

const large = (name: string, sizeBytes: number) => ({ path: `${name}.safetensors`, sizeBytes });
export const files = {
  "one file": [large("model", 1_000_000)],
  "many files": [
    ...["a", "b", "c", "d"].map((name) => large(name, 300_000)),
    { path: "tokenizer.json", sizeBytes: 5000 },
    ...["e", "f", "g", "h"].map((name) => ({ path: `${name}.txt`, sizeBytes: 4000 })),
  ],
};
/** Which file of "many files" a fault strikes. The middle one is small and from the other origin, the last small and the Hub's own. */
const struck: Record<Target, Record<Moment, string>> = {
  any: {
    "first byte": "a.safetensors",
    middle: "tokenizer.json",
    "last byte": "h.txt",
    "during verification": "c.safetensors",
  },
  content: {
    "first byte": "a.safetensors",
    middle: "tokenizer.json",
    "last byte": "d.safetensors",
    "during verification": "c.safetensors",
  },
  range: {
    "first byte": "a.safetensors",
    middle: "b.safetensors",
    "last byte": "d.safetensors",
    "during verification": "c.safetensors",
  },
};

export const usual = (haste: number): Partial<Tuning> => ({
  smallBytes: 16 * 1024,
  minSegmentBytes: 100 * 1024,
  maxSegmentBytes: 256 * 1024,
  writeBytes: 16 * 1024,
  tickMs: 5 * haste,
  idleMs: 5000 * haste,
  syncMs: 1000 * haste,
});

export interface WorldOptions {
  readonly moment: Moment;
  readonly amount: Amount;
  readonly target: Target;
  strike(hit: Hit): Fault | undefined;
  /** Of requests that would not bring the spot's byte, once it was struck. */
  elsewhere?(record: RecordedRequest, spot: Spot): Fault | undefined;
  /** Instead of the network: what a request for the spot's byte ends with before it leaves the machine. */
  refuse?(count: number): Error | undefined;
  /** How much faster than the real one the host's clock runs. Default 20. */
  readonly haste?: number;
}

/** A Hub, a host whose clock runs fast, and a fault that waits for its byte. */
export async function openWorld(options: WorldOptions): Promise<World & AsyncDisposable> {
  const { moment, amount, target, haste = 20 } = options;
  let armed = moment !== "during verification";
  let hits = 0;
  let received = 0;
  let struckBytes = 0;
  let over = false;

  const intercept: Intercept = (record) => {
    const range = covering(spot, record.url, record.headers.range);
    const bringsIt = range !== null && bringsBytes(record, scene);
    if (over) return undefined;
    if (!bringsIt) return armed && hits > 0 ? options.elsewhere?.(record, spot) : undefined;
    if (!armed) return { garbage: { start: spot.at, end: spot.at + 1 } };
    hits += 1;
    struckBytes = Math.max(struckBytes, range.end - spot.at);
    return options.strike({ count: hits, before: spot.at - range.start, spot, scene });
  };
  const scene = await openScene({ repos: worldRepos(amount), intercept });
  const path = amount === "one file" ? "model.safetensors" : struck[target][moment];
  const { blobName, sizeBytes } = await scene.served.file(repo, path).identify();
  const at = moment === "first byte" ? 0 : moment === "last byte" ? sizeBytes - 1 : sizeBytes >> 1;
  const spot: Spot = { path, at, sizeBytes, blobName };

  const real = quickHost(haste);
  const host: Host = {
    ...real,
    fileLocks: { acquire: async () => "held", release: () => {}, close: () => {} },
    network: {
      ...real.network,
      async read(request) {
        const bringsIt = covering(spot, request.url, request.headers?.["range"]) !== null;
        if (options.refuse !== undefined && bringsIt && armed && !over) {
          const error = options.refuse((hits += 1));
          if (error !== undefined) throw error;
        }
        const response = await real.network.read(request);
        const ofFile = response.status === 200 || response.status === 206;
        if (ofFile) response.body.on("data", (bytes) => (received += bytes.length));
        return response;
      },
    },
  };
  const see = (event: HerosEvent): void => {
    if (event.type === "download.retrying" && /hash/u.test(event.reason)) armed = true;
  };
  return {
    scene,
    host,
    spot,
    totalBytes: files[amount].reduce((sum, file) => sum + file.sizeBytes, 0),
    smallBytes: amount === "one file" ? 0 : 21_000,
    receivedBytes: () => received,
    hits: () => hits,
    struckBytes: () => struckBytes,
    see,
    heal: () => (over = true),
    pull: ({ tuning, onEvent, ...changes } = {}) =>
      scene.pull([model("m", repo)], {
        host,
        hub: scene.hub({ host }),
        hashing,
        tuning: { ...usual(haste), ...tuning },
        ...changes,
        onEvent: (event) => {
          see(event);
          onEvent?.(event);
        },
      }),
    async [Symbol.asyncDispose]() {
      real.network.close();
      real.fileLocks.close();
      await scene[Symbol.asyncDispose]();
    },
  };
}

export function worldRepos(amount: Amount): { id: string; files: (typeof files)[Amount] }[] {
  return [{ id: repo, files: files[amount] }];
}

/** Which bytes a request asks for, if the spot's is among them. */
function covering(spot: Spot, url: string, range: string | undefined) {
  const { pathname } = new URL(url, "http://127.0.0.1");
  const named = pathname.endsWith(`/${spot.blobName}`) || pathname.endsWith(`/${spot.path}`);
  const asked = /^bytes=(?<start>\d+)-(?<last>\d+)$/u.exec(range ?? "")?.groups;
  const start = Number(asked?.["start"] ?? 0);
  const end = Number(asked?.["last"] ?? spot.sizeBytes - 1) + 1;
  return named && start <= spot.at && spot.at < end ? { start, end } : null;
}

/** Of a large file, the Hub's answer is only where its bytes are. */
function bringsBytes({ origin, method, file }: RecordedRequest, { served }: Scene): boolean {
  if (method !== "GET" || file === null) return false;
  return origin === "content" || !served.file(file.repo, file.path).lfs;
}
