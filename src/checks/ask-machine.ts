import type { Stack } from "../catalog/stack.ts";
import type { CoreOf } from "../deploy/compose/core-service.ts";
import { isHubOffline } from "../source/hub/environment.ts";
import { Failure } from "../run/failure.ts";
import {
  askMemory,
  type Cpu,
  type Memory,
  parseCpuinfo,
  type Product,
  readDmi,
  readPciIds,
  recogniseProduct,
} from "../machine/hardware.ts";
import { type NvidiaSmi, askNvidiaSmi, chooseGpu } from "../machine/gpu.ts";
import {
  type GpuTrial,
  type GpuTrialRequest,
  tryGpuInContainer,
} from "../machine/gpu-in-containers.ts";
import type { Gpu } from "../run/events/machine.ts";
import { type DiskQuestions, askDisks } from "../machine/disks.ts";
import {
  type DockerAnswer,
  type GpuAccess,
  askDocker,
  inDockerGroup,
  askGpuAccess,
} from "../docker/engine.ts";
import { type ComposeAnswer, askCompose } from "../docker/compose.ts";
import { type PortAnswer, askPort } from "../machine/port.ts";
import type { Clash } from "../run/failures/stack.ts";
import { askClashes, type PlannedStack } from "./ask-clashes.ts";
import { late, type Late, type Probe, readTextInTime, withinLimit } from "../host/time-limit.ts";

/** What stands at the endpoint. */
export type HubAnswer =
  | { readonly kind: "hub"; readonly elapsedMs: number }
  /** A download could not use it. */
  | { readonly kind: "unusable"; readonly failure: Failure }
  | { readonly kind: "offline" }
  /** No model comes from it. */
  | { readonly kind: "unneeded" }
  | { readonly kind: "late" };

/** What stands at each address of the Hub, in order of preference. */
export type EndpointAnswers = readonly { readonly endpoint: string; readonly answer: HubAnswer }[];

/** Asks an address as a download does, so that both judge alike. @throws Failure that the download would end with */
export type TryHub = (endpoint: string, signal: AbortSignal) => Promise<"answered" | "unneeded">;

/** The stack, as it is or would be written; null where compose does not say, or rejects it. */
export type ReadStack = () => Promise<PlannedStack | null>;

export interface Surroundings {
  readonly modelsPath: string;
  /** Why the models can't be reached where the answers say; `modelsPath` is only a guess then. */
  readonly outOfReach?: Failure | null;
  readonly stackDir: string;
  readonly projectDir?: string;
  /** Which stack it is about. */
  readonly core: CoreOf & Pick<Stack, "id">;
  /** Where it will answer. */
  readonly port: number;
  readonly readStack: ReadStack;
  /** Of the Hub, in order of preference. */
  readonly endpoints: readonly string[];
  readonly tryHub: TryHub;
  readonly consent: Consent;
  /** Memory that the chosen models take. */
  readonly modelsGib: number;
  /** An image of the stack that the engine has, for a container that tries the GPU; null without one. Not tried unless given. */
  readonly findTrialImage?: (signal: AbortSignal) => Promise<GpuTrialRequest | null>;
}

/** Whether somebody agreed to a machine that is no DGX Spark, is still asked, or is not asked at all. */
export type Consent = "given" | "asked" | "missing";

/** Everything that is asked of the machine, each answer on its way. */
export interface Asked {
  readonly cpu: Promise<Cpu>;
  readonly smi: Promise<NvidiaSmi>;
  /** By what lies in files, which always answers at once. */
  readonly firstGuess: Promise<Product>;
  readonly product: Promise<Product>;
  readonly gpu: Promise<Gpu | null>;
  readonly memory: Promise<Memory | null>;
  readonly disks: DiskQuestions;
  readonly docker: Promise<DockerAnswer>;
  /** The user is in the docker group by now. */
  readonly grouped: Promise<boolean>;
  readonly compose: Promise<ComposeAnswer>;
  readonly gpuAccess: Promise<GpuAccess>;
  readonly port: Promise<PortAnswer>;
  /** What the stack needs and something else has; null where nobody can tell. */
  readonly clashes: Promise<readonly Clash[] | null | Late>;
  readonly hub: Promise<EndpointAnswers>;
}

/**
 * All questions. Each is asked when its answer is first looked at, and once: whoever looks at all of them asks all at once.
 * A question waits for another one only where it can't be put without its answer.
 */
export function askEverything(
  probe: Probe,
  {
    core,
    modelsPath,
    stackDir,
    projectDir = stackDir,
    port,
    endpoints,
    tryHub,
    readStack,
  }: Surroundings,
): Asked {
  const evidence = lazily({ known: () => readEvidence(probe) });
  const asked: Asked = lazily<Asked>({
    cpu: () => readTextInTime(probe, "/proc/cpuinfo").then((text) => parseCpuinfo(text ?? "")),
    smi: () => askNvidiaSmi(probe),
    firstGuess: () => evidence.known.then((known) => recogniseProduct({ ...known, gpuNames: [] })),
    product: async () => {
      const guess = await asked.firstGuess;
      // A driver that hangs holds up nothing where the files say it already.
      if (guess.spark) return guess;
      const answer = await asked.smi;
      const gpuNames = answer.state === "gpus" ? answer.gpus.map(({ name }) => name) : [];
      return recogniseProduct({ ...(await evidence.known), gpuNames });
    },
    gpu: async () => {
      const [answer, { spark }] = await Promise.all([asked.smi, asked.product]);
      return chooseGpu(answer, { spark, arch: probe.host.arch });
    },
    memory: () => askMemory(probe),
    disks: () => askDisks(probe, { modelsPath, stackDir, docker: asked.docker }),
    docker: () => askDocker(probe),
    grouped: () => inDockerGroup(probe),
    compose: () => askCompose(probe),
    gpuAccess: async () => askGpuAccess(probe, await asked.docker),
    port: () => askPort(probe, { port, projectDir, core: core.service }),
    clashes: async () => {
      const { limitMs } = probe;
      // Compose is asked first, then the engine.
      return withinLimit({ ...probe, limitMs: limitMs * 2 }, async (signal) => {
        const stack = await readStack();
        const places = { core, stackDir, projectDir, port, own: asked.port };
        return stack && askClashes({ ...probe, signal }, { stack, ...places });
      });
    },
    hub: () => askHubs(probe, endpoints, tryHub),
  });
  return asked;
}

/** An object whose values are made when they are first read, each once. */
export function lazily<Of extends object>(makers: {
  readonly [Key in keyof Of]: () => Of[Key];
}): Of {
  const made: Partial<Of> = {};
  const properties = (Object.keys(makers) as (keyof Of)[]).map((key) => [
    key,
    { get: () => (key in made ? made[key] : (made[key] = makers[key]())) },
  ]);
  return Object.defineProperties({}, Object.fromEntries(properties) as PropertyDescriptorMap) as Of;
}

/** What files say of who made this machine. */
async function readEvidence(probe: Probe) {
  const [dgxRelease, fastosRelease, pciIds, dmi] = await Promise.all([
    readTextInTime(probe, "/etc/dgx-release"),
    readTextInTime(probe, "/etc/fastos-release"),
    readPciIds(probe),
    readDmi(probe),
  ]);
  return { dgxRelease, fastosRelease, pciIds, dmi };
}

/** What a download would meet at these addresses, all asked at once. */
export function askHubs(
  probe: Probe,
  endpoints: readonly string[],
  tryHub: TryHub,
): Promise<EndpointAnswers> {
  return Promise.all(
    endpoints.map(async (endpoint) => ({
      endpoint,
      answer: await askHub(probe, endpoint, tryHub),
    })),
  );
}

/**
 * What a container sees of the GPU, in what is left of the time that one question may take since `startedMs`.
 * @returns null where none was tried, or it says nothing
 */
export async function tryGpu(
  { host, signal, limitMs }: Probe,
  { findTrialImage }: Pick<Surroundings, "findTrialImage">,
  startedMs: number,
): Promise<GpuTrial | null> {
  const leftMs = () => limitMs - (host.clock.monotonicMs() - startedMs);
  if (findTrialImage === undefined || leftMs() <= 0) return null;
  const image = await withinLimit({ host, signal, limitMs: leftMs() }, findTrialImage);
  if (image === late || image === null || leftMs() <= 0) return null;
  return tryGpuInContainer({ host, signal, limitMs: leftMs() }, image);
}

async function askHub(probe: Probe, endpoint: string, tryHub: TryHub): Promise<HubAnswer> {
  const { clock, env } = probe.host;
  if (isHubOffline(env)) return { kind: "offline" };
  const startedMs = clock.monotonicMs();
  try {
    const tried = await withinLimit(probe, (signal) => tryHub(endpoint, signal));
    if (tried === late) return { kind: "late" };
    if (tried === "unneeded") return { kind: "unneeded" };
    return { kind: "hub", elapsedMs: Math.round(clock.monotonicMs() - startedMs) };
  } catch (error) {
    probe.signal.throwIfAborted();
    if (error instanceof Failure) return { kind: "unusable", failure: error };
    throw error;
  }
}
