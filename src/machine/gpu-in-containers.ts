import { composeFailure } from "../docker/compose-failures.ts";
import type { Host } from "../host/host.ts";
import { late, type Probe, withinLimit } from "../host/time-limit.ts";
import type { Failure } from "../run/failure.ts";

/** What a container that asked for the GPU came to. */
export interface GpuTrial {
  readonly image: string;
  /** Why docker did not give it the GPU; null where it saw it. */
  readonly failure: Failure | null;
}

export interface GpuTrialRequest {
  /** Its name for a person. */
  readonly image: string;
  /** The engine has it: nothing is pulled. */
  readonly engineId: string;
}

/** Of the time that there is: the rest is for removing a container that hangs. */
const shareOfTrial = 0.8;

const options = "--pull never --network none --gpus all --entrypoint nvidia-smi".split(" ");

/**
 * Lists the GPUs that a container sees: one without a network, which is removed at its end, and after `limitMs` of the probe.
 * @returns null where it says nothing about the GPU: its image has no nvidia-smi, or it took too long
 */
export async function tryGpuInContainer(
  { host, signal, limitMs }: Probe,
  { image, engineId }: GpuTrialRequest,
): Promise<GpuTrial | null> {
  const name = `heros-gpu-${host.pid}-${Math.floor(host.random() * 1e9)}`;
  const trialMs = limitMs * shareOfTrial;
  const args = ["run", "--rm", "--name", name, ...options, engineId, "-L"];
  let isOver = false;
  try {
    const ran = await withinLimit({ host, signal, limitMs: trialMs }, (stop) =>
      host.processes.run({ command: "docker", args, signal: stop, maxOutputBytes: 1024 * 1024 }),
    );
    if (ran === late) return null;
    isOver = true;
    const { exitCode, stdout, stderr } = ran;
    if (exitCode === 0) return /^GPU \d+: /m.test(stdout) ? { image, failure: null } : null;
    const said = stderr.replace(/^docker: /gm, "");
    const failure = composeFailure({ stderr: said, exitCode, missing: false, stackDir: "" });
    // Whatever else stops it says nothing about the GPU.
    return failure.code === "docker.gpu_unavailable" ? { image, failure } : null;
  } finally {
    if (!isOver) await remove(host, name, limitMs - trialMs);
  }
}

async function remove(host: Host, name: string, timeoutMs: number): Promise<void> {
  await host.processes.run({ command: "docker", args: ["rm", "--force", name], timeoutMs });
}
