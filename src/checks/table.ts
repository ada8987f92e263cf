import { type Asked, type Surroundings, tryGpu } from "./ask-machine.ts";
import { assessClashes } from "./clashes.ts";
import { failedBy, type Finding, lateFinding } from "./finding.ts";
import { late, type Probe } from "../host/time-limit.ts";
import { assessImagesDisk, assessModelsDisk } from "./disks.ts";
import { assessCompose, assessDocker, assessGpuAccess } from "./docker.ts";
import { assessCpu, assessGpu, assessMemory, assessProduct } from "./hardware.ts";
import { installationChecks } from "./installation-rows.ts";
import { assessHubs } from "./network.ts";
import { assessPort } from "./port.ts";

/** One check of the machine: what setup, the wizard and `heros doctor` know of it. */
interface CheckRow<Id extends string> {
  readonly id: Id;
  readonly title: string;
  /** Why it matters to a person, in one sentence. */
  readonly why: string;
  /** Its place among the checks that can prevent the stack from running, the first to be fixed first; null where it never does. */
  readonly rank: number | null;
  /** Whether a person can fix it in another terminal. Memory and disks are what they are; the questions take them into account. */
  readonly fixable: boolean;
  /** Its judgement and its fix, as soon as the answers that it needs are there. */
  readonly assess: (asked: Asked, probe: Probe, around: Surroundings) => Promise<Finding>;
}

const row = <Id extends string>(check: CheckRow<Id>): CheckRow<Id> => check;

/**
 * The checks of the machine, which setup runs too, in the order in which a report lists them. To add one is to add a row.
 * What others ask too stands in `ask-machine.ts`; what it alone asks, it asks of its probe.
 */
export const machineChecks = [
  row({
    id: "cpu",
    title: "Processor",
    why: "The containers are built for the DGX Spark's processor.",
    rank: null,
    fixable: false,
    assess: async ({ cpu }, { host }) => assessCpu(host.arch, await cpu),
  }),
  row({
    id: "product",
    title: "Product",
    why: "Elsewhere than on a DGX Spark some of it may not run.",
    rank: 5,
    fixable: false,
    async assess(asked, { host }, { consent }) {
      const product = await asked.product;
      // Only a refusal names the GPU, which a tool that hangs may have to be asked for.
      const gpu = consent === "missing" && !product.spark ? await asked.gpu : null;
      return assessProduct(product, { arch: host.arch, gpu, consent });
    },
  }),
  row({
    id: "gpu",
    title: "GPU",
    why: "{assistant}'s models run on the GPU.",
    rank: 3,
    fixable: true,
    async assess(asked, { limitMs }) {
      const [smi, gpu, { spark }] = await Promise.all([asked.smi, asked.gpu, asked.product]);
      return assessGpu(smi, { gpu, spark, limitMs });
    },
  }),
  row({
    id: "memory",
    title: "Memory",
    why: "A Spark that runs out of it freezes or restarts.",
    rank: null,
    fixable: false,
    async assess({ memory, firstGuess }, _probe, { modelsGib }) {
      const { spark } = await firstGuess;
      return assessMemory(await memory, { spark, modelsGib });
    },
  }),
  row({
    id: "disk.models",
    title: "Disk for models",
    why: "The models are stored here.",
    rank: null,
    fixable: false,
    async assess({ disks }, { host, limitMs }, { modelsPath, outOfReach = null }) {
      if (outOfReach !== null) return failedBy(outOfReach);
      return assessModelsDisk(await disks.models, { path: modelsPath, home: host.home, limitMs });
    },
  }),
  row({
    id: "disk.images",
    title: "Disk for containers",
    why: "Docker stores the container images here.",
    rank: null,
    fixable: false,
    assess: async ({ disks }, probe) => assessImagesDisk(await disks.images, probe),
  }),
  row({
    id: "docker.engine",
    title: "Docker engine",
    why: "{assistant} runs in Docker containers.",
    rank: 1,
    fixable: true,
    assess: async ({ docker, grouped }, { limitMs }) =>
      assessDocker(await docker, { grouped: await grouped, limitMs }),
  }),
  row({
    id: "docker.compose",
    title: "Docker Compose",
    why: "It starts {assistant}'s containers together.",
    rank: 2,
    fixable: true,
    assess: async ({ compose }, probe) => assessCompose(await compose, probe),
  }),
  row({
    id: "docker.gpu",
    title: "GPU in containers",
    why: "Without it, containers can't use the GPU.",
    rank: 6,
    fixable: true,
    async assess({ gpuAccess, docker, gpu }, probe, around) {
      const startedMs = probe.host.clock.monotonicMs();
      const [access, { state }, found] = await Promise.all([gpuAccess, docker, gpu]);
      const hasGpu = found !== null;
      const trial = hasGpu && access !== "none" ? await tryGpu(probe, around, startedMs) : null;
      return assessGpuAccess(access, { docker: state, hasGpu, trial });
    },
  }),
  row({
    id: "port",
    title: "Port for {assistant}",
    why: "It answers here, and only one program can use a port.",
    rank: 4,
    fixable: true,
    assess: async (asked, probe, { port }) => assessPort(port, await asked.port, probe),
  }),
  row({
    id: "clashes",
    title: "Other stacks",
    why: "Two stacks can't share a container name, a port or a volume.",
    rank: 4,
    fixable: true,
    async assess(asked, { limitMs }) {
      const clashes = await asked.clashes;
      if (clashes === late) return lateFinding({ limitMs });
      if (clashes !== null) return assessClashes(clashes);
      return { status: "skipped", found: "Docker names none" };
    },
  }),
  row({
    id: "hub",
    title: "Model Hub",
    why: "The models are downloaded from it.",
    rank: null,
    fixable: true,
    assess: async ({ hub }, probe) => assessHubs(await hub, probe),
  }),
] as const;

/** All of them, in the order of a report. */
export const checks = [...machineChecks, ...installationChecks] as const;

export type CheckId = (typeof checks)[number]["id"];
