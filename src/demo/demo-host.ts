import type { Host, System } from "../host/host.ts";
import { realNetwork } from "../host/real-host.ts";
import {
  type Processes,
  realProcesses,
  type RunRequest,
  type RunResult,
} from "../host/processes.ts";
import { answerDocker, type CommandAnswer } from "./docker/docker-command.ts";
import type { Engine } from "./docker/engine.ts";
import { sparkMemory, layMachineFiles, answerTool } from "./spark.ts";

export interface DemoSettings {
  /** Where the simulated machine's own files lie. */
  readonly machineFolder: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly engine: Engine;
}

/** A Spark around the real files, network and clock: only what tells of the machine is another's, and docker is played. */
export async function demoHost(base: Host, settings: DemoSettings): Promise<Host> {
  const { machineFolder, home, env, engine } = settings;
  const files = await layMachineFiles(base.files, machineFolder);
  const host: Host = {
    ...base,
    files,
    env,
    home,
    cwd: home,
    platform: "linux",
    arch: "aarch64",
    // Without the proxies of the environment: everything is on loopback.
    network: realNetwork({}),
    system: sparkSystem,
    processes: demoProcesses(realProcesses(env), (request) =>
      answerDocker(request, { host, engine }),
    ),
  };
  return host;
}

/** The disk is a Spark's, its space this machine's. */
const sparkSystem: System = {
  memory: async () => sparkMemory,
  fileSystems: async () => [{ device: "/dev/nvme0n1p2", type: "ext4", mount: "/" }],
};

function demoProcesses(
  real: Processes,
  docker: (request: RunRequest) => Promise<CommandAnswer>,
): Processes {
  return {
    ...real,
    async run(request) {
      request.signal?.throwIfAborted();
      const answer = request.command === "docker" ? await docker(request) : answerTool(request);
      return answer === null ? real.run(request) : toResult(answer);
    },
  };
}

function toResult({ exitCode, stdout = "", stderr = "" }: CommandAnswer): RunResult {
  return { exitCode, stdout, stderr, timedOut: false, missing: false };
}
