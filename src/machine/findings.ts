import { judgeCompose } from "./compose.ts";
import { judgeCpu } from "./cpu.ts";
import { judgeGpuAccess } from "./docker-gpu.ts";
import { judgeDocker } from "./docker.ts";
import type { CheckId, Finding } from "./finding.ts";
import { judgeGpu } from "./gpu.ts";
import { judgeHubs } from "./hub-reach.ts";
import { judgeImagesDisk, judgeModelsDisk } from "./judge-disks.ts";
import { judgeMemory } from "./memory.ts";
import { judgeProduct } from "./product.ts";
import type { Questions, Surroundings } from "./questions.ts";
import type { Probe } from "./time-limit.ts";

/** What each check finds, as soon as the answers it needs are there. */
export function judgeEverything(
  asked: Questions,
  { host, limitMs }: Probe,
  { modelsPath }: Surroundings,
): Record<CheckId, Promise<Finding>> {
  const { cpu, smi, firstGuess, product, gpu, memory, disks, docker, grouped, compose } = asked;
  return {
    cpu: cpu.then((answer) => judgeCpu(host.arch, answer)),
    product: product.then(judgeProduct),
    gpu: Promise.all([smi, gpu, product]).then(([answer, chosen, { spark }]) =>
      judgeGpu(answer, { gpu: chosen, spark, limitMs }),
    ),
    memory: Promise.all([memory, firstGuess]).then(([answer, guess]) => judgeMemory(answer, guess)),
    "disk.models": disks.models.then((spot) =>
      judgeModelsDisk(spot, { path: modelsPath, home: host.home, limitMs }),
    ),
    "disk.images": disks.images.then((spots) => judgeImagesDisk(spots, { limitMs })),
    "docker.engine": Promise.all([docker, grouped]).then(([answer, inGroup]) =>
      judgeDocker(answer, { grouped: inGroup, limitMs }),
    ),
    "docker.compose": compose.then((answer) => judgeCompose(answer, { limitMs })),
    "docker.gpu": Promise.all([asked.gpuAccess, docker, gpu]).then(([access, { state }, chosen]) =>
      judgeGpuAccess(access, { docker: state, hasGpu: chosen !== null }),
    ),
    port: asked.port.then(({ finding }) => finding),
    hub: asked.hub.then((answer) => judgeHubs(answer, { limitMs })),
  };
}
