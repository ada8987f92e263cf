import { askDocker, type DockerAnswer } from "../docker/info.ts";
import type { Probe } from "../host/time-limit.ts";
import type { Gpu } from "../run/events/machine.ts";
import { assessImagesDisk, assessModelsDisk } from "./assess-disks.ts";
import type { CheckId, Finding } from "./check.ts";
import { askCompose, assessCompose, type ComposeAnswer } from "./compose.ts";
import { assessCpu, type Cpu, parseCpuinfo } from "./cpu.ts";
import { askDisks, type DiskQuestions } from "./disks.ts";
import {
  askGpuAccess,
  assessDocker,
  assessGpuAccess,
  type GpuAccess,
  inDockerGroup,
} from "./docker.ts";
import { askNvidiaSmi, assessGpu, chooseGpu, type NvidiaSmi } from "./gpu.ts";
import { askHubs, assessHubs, type EndpointAnswers, type TryHub } from "./hub-reach.ts";
import { askMemory, assessMemory, type Memory } from "./memory.ts";
import { askPort, type PortAnswer } from "./port.ts";
import { assessProduct, type Product, recogniseProduct } from "./product.ts";
import { readDmi, readPciIds, readTextInTime } from "./read-files.ts";

/** What each check finds, as soon as the answers it needs are there. */
export function assessEverything(
  asked: Questions,
  { host, limitMs }: Probe,
  { modelsPath }: Surroundings,
): Record<CheckId, Promise<Finding>> {
  const { cpu, smi, firstGuess, product, gpu, memory, disks, docker, grouped, compose } = asked;
  return {
    cpu: cpu.then((answer) => assessCpu(host.arch, answer)),
    product: product.then(assessProduct),
    gpu: Promise.all([smi, gpu, product]).then(([answer, chosen, { spark }]) =>
      assessGpu(answer, { gpu: chosen, spark, limitMs }),
    ),
    memory: Promise.all([memory, firstGuess]).then(([answer, guess]) =>
      assessMemory(answer, guess),
    ),
    "disk.models": disks.models.then((spot) =>
      assessModelsDisk(spot, { path: modelsPath, home: host.home, limitMs }),
    ),
    "disk.images": disks.images.then((spots) => assessImagesDisk(spots, { limitMs })),
    "docker.engine": Promise.all([docker, grouped]).then(([answer, inGroup]) =>
      assessDocker(answer, { grouped: inGroup, limitMs }),
    ),
    "docker.compose": compose.then((answer) => assessCompose(answer, { limitMs })),
    "docker.gpu": Promise.all([asked.gpuAccess, docker, gpu]).then(([access, { state }, chosen]) =>
      assessGpuAccess(access, { docker: state, hasGpu: chosen !== null }),
    ),
    port: asked.port.then(({ finding }) => finding),
    hub: asked.hub.then((answer) => assessHubs(answer, { limitMs })),
  };
}

export interface Surroundings {
  readonly modelsPath: string;
  readonly stackDir: string;
  readonly projectDir?: string;
  readonly port: number;
  /** Of the Hub, in order of preference. */
  readonly endpoints: readonly string[];
  readonly tryHub: TryHub;
}

/** Everything that is asked of the machine, each answer on its way. */
export interface Questions {
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
  readonly hub: Promise<EndpointAnswers>;
}

/** Asks all of it at once. A question waits for another one only where it can't be put without its answer. */
export function askEverything(
  probe: Probe,
  { modelsPath, stackDir, projectDir = stackDir, port, endpoints, tryHub }: Surroundings,
): Questions {
  const smi = askNvidiaSmi(probe);
  const docker = askDocker(probe);
  const { firstGuess, product } = askProduct(probe, smi);
  return {
    cpu: readTextInTime(probe, "/proc/cpuinfo").then((text) => parseCpuinfo(text ?? "")),
    smi,
    firstGuess,
    product,
    gpu: Promise.all([smi, product]).then(([answer, { spark }]) =>
      chooseGpu(answer, { spark, arch: probe.host.arch }),
    ),
    memory: askMemory(probe),
    disks: askDisks(probe, { modelsPath, stackDir, docker }),
    docker,
    grouped: inDockerGroup(probe),
    compose: askCompose(probe),
    gpuAccess: docker.then((answer) => askGpuAccess(probe, answer)),
    port: askPort(probe, { port, projectDir }),
    hub: askHubs(probe, endpoints, tryHub),
  };
}

/** The GPU's name is waited for only where the files leave it open, so that a driver that hangs does not hold up the rest. */
function askProduct(
  probe: Probe,
  smi: Promise<NvidiaSmi>,
): Pick<Questions, "firstGuess" | "product"> {
  const evidence = Promise.all([
    readTextInTime(probe, "/etc/dgx-release"),
    readTextInTime(probe, "/etc/fastos-release"),
    readPciIds(probe),
    readDmi(probe),
  ]).then(([dgxRelease, fastosRelease, pciIds, dmi]) => ({
    dgxRelease,
    fastosRelease,
    pciIds,
    dmi,
  }));
  const firstGuess = evidence.then((known) => recogniseProduct({ ...known, gpuNames: [] }));
  const product = Promise.all([evidence, firstGuess]).then(async ([known, guess]) => {
    if (guess.spark) return guess;
    const answer = await smi;
    const gpuNames = answer.state === "gpus" ? answer.gpus.map(({ name }) => name) : [];
    return recogniseProduct({ ...known, gpuNames });
  });
  return { firstGuess, product };
}
