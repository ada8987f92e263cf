import { get } from "node:http";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import type { Host } from "../../host/host.ts";
import { isLoopback } from "../../host/network.ts";
import type { RunRequest } from "../../host/processes.ts";
import { isRecord } from "../../run/json.ts";

/** An image that the simulated engine has, as `docker image inspect` describes it. */
export interface KeptImage {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly RootFS: { readonly Type: "layers"; readonly Layers: readonly string[] };
  readonly Os: string;
  readonly Architecture: string;
  readonly Size: number;
  /** Digests of its layers, compressed. */
  readonly layers: readonly string[];
}

/** The images of the simulated engine. Their bytes are read and thrown away. */
export interface EngineImages {
  list(): Promise<readonly KeptImage[]>;
  /** By name or id; null where there is none. */
  find(name: string): Promise<KeptImage | null>;
  /** Fetches an image as an engine does, and prints what docker prints. @throws Error with what docker would say; AbortError */
  pull(name: string, print: (line: string) => void, signal?: AbortSignal): Promise<void>;
  /** False where there is no such image. */
  tag(from: string, to: string): Promise<boolean>;
  remove(name: string): Promise<boolean>;
}

export interface EngineImagesOptions {
  readonly host: Pick<Host, "files" | "clock">;
  /** Where they are written down, for the process that goes on with a demo. */
  readonly folder: string;
  /** Of the demo's registry, which has what no registry on this machine has. */
  readonly registry: string;
  readonly unpackBytesPerSecond: number;
}

/** Of all that an engine pulls at a time. */
const fetchedAtOnce = 3;
/** An estimate, as heros' own. */
const unpackedRatio = 2.5;

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}
interface Config {
  readonly os: string;
  readonly architecture: string;
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

export function createEngineImages({
  host: { files, clock },
  folder,
  registry,
  unpackBytesPerSecond,
}: EngineImagesOptions): EngineImages {
  const file = join(folder, "images.json");
  let loaded: Promise<Map<string, KeptImage>> | null = null;
  const load = (): Promise<Map<string, KeptImage>> =>
    (loaded ??= files.readFile(file, "utf8").then(
      (text) =>
        new Map(
          (JSON.parse(text) as KeptImage[]).map((image): [string, KeptImage] => [image.Id, image]),
        ),
      () => new Map<string, KeptImage>(),
    ));
  const fetching = turnsOf(fetchedAtOnce);
  let saved: Promise<unknown> = Promise.resolve();

  async function save(): Promise<void> {
    const text = JSON.stringify([...(await load()).values()]);
    const before = saved;
    saved = (async () => {
      await before;
      await files.mkdir(folder, { recursive: true });
      await files.writeFile(file, text);
    })();
    await saved;
  }

  async function keep(image: KeptImage, name: string): Promise<void> {
    const all = await load();
    for (const each of all.values()) {
      if (each.Id !== image.Id) drop(all, each, name);
    }
    const { RepoTags, RepoDigests } = all.get(image.Id) ?? image;
    all.set(image.Id, {
      ...image,
      RepoTags: [...new Set([...RepoTags, name])],
      RepoDigests: [...new Set([...RepoDigests, `${withoutTag(name)}@${image.Id}`])],
    });
    await save();
  }

  async function find(name: string): Promise<KeptImage | null> {
    const all = await load();
    const named = [...all.values()].find(({ RepoTags }) => RepoTags.includes(name));
    return named ?? all.get(name) ?? null;
  }

  async function fetchLayers(
    { layers }: Manifest,
    { url, print, signal }: { url: string; print: (line: string) => void; signal: AbortSignal },
  ): Promise<void> {
    const there = new Set([...(await load()).values()].flatMap((image) => image.layers));
    for (const { digest } of layers) {
      print(`${shortName(digest)}: ${there.has(digest) ? "Already exists" : "Pulling fs layer"}`);
    }
    let below: Promise<void> = Promise.resolve();
    const all = layers
      .filter(({ digest }) => !there.has(digest))
      .map(({ digest, size }) => {
        const fetched = fetching(async () => {
          await drain(await ask(`${url}/blobs/${digest}`, signal));
          print(`${shortName(digest)}: Download complete`);
        });
        const unpack = async (before: Promise<void>): Promise<void> => {
          await Promise.all([fetched, before]);
          await clock.sleep((size / unpackBytesPerSecond) * 1000, signal);
          print(`${shortName(digest)}: Pull complete`);
        };
        // Layers are laid upon each other from the lowest on.
        below = unpack(below);
        below.catch(() => {});
        return below;
      });
    await Promise.all(all);
  }

  return {
    list: async () => [...(await load()).values()],
    find,
    async pull(name, print, signal) {
      const failed = new AbortController();
      const stop = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
      const { url, tag } = placeOf(name, registry);
      try {
        const answer = await ask(`${url}/manifests/${tag}`, stop);
        const digest = String(answer.headers["docker-content-digest"]);
        const manifest = (await json(answer)) as Manifest;
        const config = (await json(
          await ask(`${url}/blobs/${manifest.config.digest}`, stop),
        )) as Config;
        await fetchLayers(manifest, { url, print, signal: stop });
        const bytes = manifest.layers.reduce((sum, { size }) => sum + size, 0);
        await keep(
          {
            Id: digest,
            RepoTags: [],
            RepoDigests: [],
            RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
            Os: config.os,
            Architecture: config.architecture,
            Size: Math.round(bytes * unpackedRatio),
            layers: manifest.layers.map((layer) => layer.digest),
          },
          name,
        );
        print(`Digest: ${digest}`);
        print(`Status: Downloaded newer image for ${name}`);
      } catch (error) {
        failed.abort();
        signal?.throwIfAborted();
        throw error;
      }
    },
    async tag(from, to) {
      const image = await find(from);
      if (image !== null) await keep(image, to);
      return image !== null;
    },
    async remove(name) {
      const image = await find(name);
      if (image === null) return false;
      drop(await load(), image, name);
      await save();
      return true;
    },
  };
}

/** Takes a name away, and with the last one the image. */
function drop(all: Map<string, KeptImage>, image: KeptImage, name: string): void {
  if (!image.RepoTags.includes(name)) return;
  const RepoTags = image.RepoTags.filter((each) => each !== name);
  const repository = withoutTag(name);
  const isNamed = RepoTags.some((each) => withoutTag(each) === repository);
  const RepoDigests = image.RepoDigests.filter(
    (each) => isNamed || !each.startsWith(`${repository}@`),
  );
  if (RepoTags.length === 0) all.delete(image.Id);
  else all.set(image.Id, { ...image, RepoTags, RepoDigests });
}

/** Where an image is pulled from: a registry on this machine that its name begins with, else the demo's. */
function placeOf(name: string, registry: string): { readonly url: string; readonly tag: string } {
  const repository = withoutTag(name);
  const tag = name.slice(repository.length + 1) || "latest";
  const [first = "", ...rest] = repository.split("/");
  const isNamed = rest.length > 0 && /[.:]|^localhost$/.test(first);
  const path = isNamed ? rest.join("/") : repository;
  const isHere = isNamed && isLoopback(first.replace(/:\d+$/, ""));
  const whole = isNamed || path.includes("/") ? path : `library/${path}`;
  return { url: `${isHere ? `http://${first}` : registry}/v2/${whole}`, tag };
}

/** A colon before the last slash is that of a port. */
function withoutTag(name: string): string {
  return name.replace(/:[^/:]*$/, "");
}

/** As docker prints it. */
function shortName(digest: string): string {
  return digest.slice("sha256:".length).slice(0, 12);
}

/** A layer may be long in coming: nothing limits how long it is waited for. */
function ask(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = get(url, { agent: false, signal }, (response) => {
      if (response.statusCode === 200) return resolve(response);
      response.destroy();
      reject(new Error(`Error response from daemon: manifest unknown: ${url}`));
    });
    asked.once("error", reject);
  });
}

async function drain(response: IncomingMessage): Promise<void> {
  for await (const _ of response);
}

/** Lets so many work at a time, in the order in which they came. */
function turnsOf(most: number): (work: () => Promise<void>) => Promise<void> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running < most) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

export interface CommandAnswer {
  readonly exitCode: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** What docker says of images, and does with them; null for what it does not know. */
export async function answerImages(
  verb: string,
  args: readonly string[],
  { request, images }: { readonly request: RunRequest; readonly images: EngineImages },
): Promise<CommandAnswer | null> {
  const [first = "", second = ""] = args;
  const noImage = (name: string) => `Error response from daemon: No such image: ${name}\n`;
  if (verb === "tag") {
    const done = await images.tag(first, second);
    return done ? { exitCode: 0 } : { exitCode: 1, stderr: noImage(first) };
  }
  if (verb === "rmi") {
    const done = await images.remove(first);
    return done
      ? { exitCode: 0, stdout: `Untagged: ${first}\n` }
      : { exitCode: 1, stderr: noImage(first) };
  }
  if (verb === "pull") return pullImage(args.at(-1) ?? "", request, images);
  if (verb === "image" && first === "ls") {
    const all = await images.list();
    const names = all.flatMap(({ RepoTags }) => RepoTags);
    return {
      exitCode: 0,
      stdout: lines(args.includes("--quiet") ? all.map(({ Id }) => Id) : names),
    };
  }
  if (verb !== "image" || first !== "inspect") return null;
  const at = args.indexOf("--format");
  const format = args[at + 1] ?? "";
  const names = args.slice(at + 2);
  const found = await Promise.all(names.map((name) => images.find(name)));
  const missing = names.filter((_, index) => found[index] === null);
  return {
    exitCode: missing.length === 0 ? 0 : 1,
    stdout: lines(found.flatMap((image) => (image === null ? [] : [filledIn(format, image)]))),
    stderr: missing.map(noImage).join(""),
  };
}

/** Go's templates, as far as they name fields. */
function filledIn(format: string, image: KeptImage): string {
  return format.replaceAll(/\{\{json \.([\w.]+)\}\}/g, (_, path: string) => {
    const fieldOf = (whole: unknown, key: string) => (isRecord(whole) ? whole[key] : undefined);
    const value = path.split(".").reduce<unknown>(fieldOf, image);
    return JSON.stringify(value ?? null);
  });
}

async function pullImage(
  name: string,
  { onLine, signal }: RunRequest,
  images: EngineImages,
): Promise<CommandAnswer> {
  let stdout = "";
  const print = (line: string) => {
    stdout += `${line}\n`;
    onLine?.(line, "stdout");
  };
  try {
    await images.pull(name, print, signal);
    return { exitCode: 0, stdout };
  } catch (error) {
    signal?.throwIfAborted();
    return {
      exitCode: 1,
      stdout,
      stderr: `${error instanceof Error ? error.message : String(error)}\n`,
    };
  }
}

function lines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join("");
}
