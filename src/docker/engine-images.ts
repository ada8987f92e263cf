import { z } from "zod";
import type { Host } from "../host/host.ts";
import { parseJson } from "../run/json.ts";
import type { ImageLabel } from "../run/events/download.ts";
import { late, type Probe, withinLimit } from "../host/time-limit.ts";
import { askDocker, askEnginePlace, type DockerInfo, isElsewhere } from "./engine.ts";

/** An image that the engine has, as `docker image inspect` shows it. */
export interface EngineImage {
  /** Of its configuration in the classic store, of its index or manifest in containerd's. */
  readonly id: string;
  /** `redis:7`, `ghcr.io/owner/core:1` */
  readonly names: readonly string[];
  /** `redis@sha256:…`; none of an image that was loaded into the classic store. */
  readonly namesByDigest: readonly string[];
  /** What its layers hash to once unpacked, the lowest first. */
  readonly diffIds: readonly string[];
  readonly os: string;
  readonly architecture: string;
  readonly unpackedBytes: number;
}

const list = z
  .array(z.string())
  .nullish()
  .catch(null)
  .transform((names) => names ?? []);
const line = z.object({
  id: z.string(),
  names: list,
  namesByDigest: list,
  diffIds: list,
  os: z.string().catch(""),
  architecture: z.string().catch(""),
  unpackedBytes: z.number().catch(0),
});
const format = `{"id":{{json .Id}},"names":{{json .RepoTags}},"namesByDigest":{{json .RepoDigests}},"diffIds":{{json .RootFS.Layers}},"os":{{json .Os}},"architecture":{{json .Architecture}},"unpackedBytes":{{json .Size}}}`;

const timeoutMs = 30_000;
const maxOutputBytes = 16 * 1024 * 1024;
/** Of one command line. */
const inspectedAtOnce = 100;
/** Nobody's engine has more; those beyond are taken for missing. */
const maxImages = 2000;

interface ListRequest {
  readonly host: Pick<Host, "processes">;
  readonly signal: AbortSignal;
}

/** All images of the engine; null where it does not answer. @throws AbortError */
export async function listEngineImages({
  host,
  signal,
}: ListRequest): Promise<readonly EngineImage[] | null> {
  const limits = { signal, timeoutMs, maxOutputBytes };
  const listed = await host.processes.run({
    command: "docker",
    args: ["image", "ls", "--quiet", "--no-trunc"],
    ...limits,
  });
  if (listed.exitCode !== 0) return null;
  const ids = [
    ...new Set(listed.stdout.split("\n").filter((id) => /^sha256:[0-9a-f]{64}$/.test(id))),
  ];
  return findEngineImages({ host, signal }, ids.slice(0, maxImages));
}

/** One image by its name or its id; null where the engine does not have it, or does not answer. @throws AbortError */
export async function findEngineImage(
  request: ListRequest,
  name: string,
): Promise<EngineImage | null> {
  const [found = null] = await findEngineImages(request, [name]);
  return found;
}

/** Those of these names or ids that the engine has; none where it does not answer. @throws AbortError */
export async function findEngineImages(
  request: ListRequest,
  names: readonly string[],
): Promise<EngineImage[]> {
  // What begins with a dash would be read as an option.
  const askable = names.filter((name) => !name.startsWith("-"));
  const found: EngineImage[] = [];
  for (let from = 0; from < askable.length; from += inspectedAtOnce) {
    found.push(...(await inspect(request, askable.slice(from, from + inspectedAtOnce))));
  }
  return found;
}

/** Of one that is gone meanwhile, docker says so and shows the others. */
async function inspect(
  { host, signal }: ListRequest,
  names: readonly string[],
): Promise<EngineImage[]> {
  const { stdout } = await host.processes.run({
    command: "docker",
    args: ["image", "inspect", "--format", format, ...names],
    signal,
    timeoutMs,
    maxOutputBytes,
  });
  return parseEngineImages(stdout);
}

/** @param stdout a JSON object a line; other lines are passed over */
export function parseEngineImages(stdout: string): EngineImage[] {
  return stdout.split("\n").flatMap((text) => line.safeParse(parseJson(text)).data ?? []);
}

/** The engine that images are for, as far as it matters to how they get there. */
export interface EngineTraits {
  /** `unix:///var/run/docker.sock`; null where docker does not say. */
  readonly address: string | null;
  /** Podman answers in an engine's place. */
  readonly podman: boolean;
  readonly rootless: boolean;
  /** In a virtual machine of its own, as Docker Desktop's. */
  readonly desktop: boolean;
}

/** What the compose file says of an image. */
export interface ImageWish {
  /** `missing`, `always`, `never`, `build`, `daily`, `every_12h`; null where it does not say. */
  readonly pullPolicy: string | null;
  /** The stack builds it. */
  readonly builds: boolean;
  /** It is named by its digest. */
  readonly pinned: boolean;
}

export interface ChosenWay {
  /** "none": nobody fetches it. */
  readonly way: ImageLabel["way"] | "none";
  /** Why it is not the usual one; null where it is. */
  readonly reason: string | null;
}

/**
 * How an image gets to Docker. From heros as a registry, wherever the engine can reach it: layers are unpacked while others are
 * downloaded, and nothing is on disk twice. Loaded, where the engine has no way to this machine's loopback but takes what
 * its socket brings. Pulled by Docker itself, where only that gives what the compose file asks for, or neither is sure to work.
 * @param engine null where docker did not say what it is
 */
export function chooseWay(wish: ImageWish, engine: EngineTraits | null): ChosenWay {
  const pull = (reason: string): ChosenWay => ({ way: "pull", reason });
  const { pullPolicy, builds, pinned } = wish;
  if (builds || pullPolicy === "build") return { way: "none", reason: "the stack builds it" };
  if (pullPolicy === "never") return { way: "none", reason: "pull_policy: never" };
  if (pullPolicy !== null && !/^(?:missing|if_not_present)$/u.test(pullPolicy)) {
    return pull(`pull_policy: ${pullPolicy}`);
  }
  if (engine === null) return pull("the engine does not say what it is");
  const { address, podman, rootless, desktop } = engine;
  if (podman) return pull("Podman answers in Docker's place");
  if (address !== null && isElsewhere(address)) return pull("the engine is on another machine");
  if (address === null || !address.startsWith("unix://")) {
    return pull("the engine is not at a socket of this machine");
  }
  if (rootless) return pull("a rootless engine has a network of its own");
  // `docker tag` takes no digest, and the classic store forgets the one of a name that is gone.
  if (pinned) return pull("it is named by digest");
  if (desktop) return { way: "load", reason: "the engine is in a virtual machine" };
  return { way: "registry", reason: null };
}

/**
 * @returns null where docker does not say what its engine is, or none is reached; of one on another machine its address alone, whether
 * or not it is reached. @throws AbortError
 */
export async function askEngineTraits(
  probe: Probe,
): Promise<{ readonly traits: EngineTraits; readonly info: DockerInfo | null } | null> {
  const { host } = probe;
  const [answer, place, version] = await Promise.all([
    askDocker(probe),
    withinLimit(probe, (signal) => askEnginePlace(host, signal)),
    withinLimit(probe, (signal) =>
      host.processes.run({
        command: "docker",
        args: ["version", "--format", "{{json .Server}}"],
        signal,
      }),
    ),
  ]);
  if (answer.state === "unusable" && answer.error.kind === "elsewhere") {
    const { address } = answer.error;
    return { traits: { address, podman: false, rootless: false, desktop: false }, info: null };
  }
  if (answer.state !== "running" || place === late || version === late) return null;
  // Docker's own engine lists what it is made of, and Podman's "Podman Engine".
  if (version.exitCode !== 0 || !version.stdout.includes('"Components"')) return null;
  const { info } = answer;
  const { rootless, desktop } = info;
  const podman = /podman/iu.test(version.stdout);
  return { traits: { address: place.address, podman, rootless, desktop }, info };
}
