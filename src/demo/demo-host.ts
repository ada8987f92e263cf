import { dirname, join } from "node:path";
import type { Files, Host, System } from "../host/host.ts";
import { realNetwork, realSystem } from "../host/real-host.ts";
import {
  type Processes,
  realProcesses,
  type RunRequest,
  type RunResult,
} from "../host/processes.ts";
import { answerDocker } from "./docker/docker-command.ts";
import type { Engine } from "./docker/engine.ts";
import type { CommandAnswer } from "./docker/images.ts";
import { withRegistry } from "./hub/registry.ts";

export interface DemoSettings {
  /** Where the simulated machine's own files lie. */
  readonly machineFolder: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly engine: Engine;
  /** Where it leads who asks a registry out there. */
  readonly registry: string;
}

/** A Spark around the real files, network and clock: only what tells of the machine is another's, and docker is played. */
export async function demoHost(base: Host, settings: DemoSettings): Promise<Host> {
  const { machineFolder, home, env, engine, registry } = settings;
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
    network: withRegistry(realNetwork({}), registry),
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
  tasksPerCore: realSystem.tasksPerCore,
};

function demoProcesses(
  real: Processes,
  docker: (request: RunRequest) => Promise<CommandAnswer>,
): Processes {
  return {
    ...real,
    // To nobody: its engine is this process.
    giveWay: () => Promise.resolve(),
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

/** Of a Spark with 128 GB: 121.6 GiB are left to the system. */
const memoryTotalKib = 127_535_084;
const memoryAvailableKib = 119_004_112;

/** What a Spark's files say, by path. No serial number is among them. */
const sparkFiles: Readonly<Record<string, string>> = {
  "/proc/meminfo": `MemTotal:       ${memoryTotalKib} kB
MemFree:        110332144 kB
MemAvailable:   ${memoryAvailableKib} kB
SwapTotal:             0 kB
SwapFree:              0 kB
HugePages_Total:       0
HugePages_Free:        0
Hugepagesize:       2048 kB
`,
  "/proc/cpuinfo": Array.from({ length: 20 }, (_, index) => {
    const part = index % 10 < 5 ? "0xd87" : "0xd85";
    return `processor\t: ${index}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: ${part}\n\n`;
  }).join(""),
  "/proc/sys/kernel/hostname": "spark\n",
  "/etc/fstab": "/dev/nvme0n1p2 / ext4 defaults 0 1\n",
  "/etc/dgx-release": `DGX_NAME="DGX Spark"
DGX_PRETTY_NAME="NVIDIA DGX Spark"
DGX_SWBUILD_DATE="2025-09-10-13-50-03"
DGX_SWBUILD_VERSION="7.2.3"
DGX_PLATFORM="DGX Server for KVM"
`,
  "/etc/fastos-release": `NAME="DGX SPARK FASTOS"\nVERSION="1.81.38"\n`,
  "/etc/os-release": `NAME="Ubuntu"\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.3 LTS"\nID=ubuntu\n`,
  "/etc/cdi/nvidia.yaml": `---\ncdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n  - name: all\n`,
  "/sys/class/dmi/id/sys_vendor": "NVIDIA\n",
  "/sys/class/dmi/id/product_name": "NVIDIA_DGX_Spark\n",
  "/sys/class/dmi/id/product_version": "A.7\n",
  "/sys/class/dmi/id/product_family": "DGX Spark\n",
  "/sys/class/dmi/id/board_vendor": "NVIDIA\n",
  "/sys/class/dmi/id/board_name": "P4242\n",
  "/sys/class/dmi/id/chassis_type": "3\n",
  "/sys/bus/pci/devices/000f:01:00.0/vendor": "0x10de\n",
  "/sys/bus/pci/devices/000f:01:00.0/device": "0x2e12\n",
  "/sys/bus/pci/devices/000f:01:00.0/class": "0x030000\n",
};

/** Folders that a Spark has and this machine may not: Docker's. */
const sparkFolders: readonly string[] = ["/var/lib/docker", "/var/lib/containerd", "/var/run/cdi"];

/** Everything below these is the Spark's, whether it is there or not. */
const sparkRoots: readonly string[] = ["/sys", "/etc/cdi", ...sparkFolders];

/** Whether a path tells of the machine, rather than holding something of the user's. */
function isMachineFact(path: string): boolean {
  if (Object.hasOwn(sparkFiles, path)) return true;
  return sparkRoots.some((root) => path === root || path.startsWith(`${root}/`));
}

const sparkMemory = {
  totalBytes: memoryTotalKib * 1024,
  availableBytes: memoryAvailableKib * 1024,
};

/** Lays a Spark's files down below a folder, and gives files that look there for what tells of the machine. All else is where it was. */
async function layMachineFiles(files: Files, root: string): Promise<Files> {
  for (const folder of sparkFolders) await files.mkdir(join(root, folder), { recursive: true });
  for (const [path, content] of Object.entries(sparkFiles)) {
    await files.mkdir(dirname(join(root, path)), { recursive: true });
    await files.writeFile(join(root, path), content);
  }
  const redirect = (path: unknown): unknown =>
    typeof path === "string" && isMachineFact(path) ? join(root, path) : path;
  return new Proxy(files, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      return (path: unknown, ...rest: unknown[]): unknown =>
        Reflect.apply(method, target, [redirect(path), ...rest]);
    },
  });
}

const gpu: Readonly<Record<string, string>> = {
  index: "0",
  name: "NVIDIA GB10",
  "pci.bus_id": "0000000F:01:00.0",
  driver_version: "580.142",
  compute_cap: "12.1",
  "memory.total": "[N/A]",
  "memory.used": "[N/A]",
  "memory.free": "[N/A]",
  uuid: "[N/A]",
};

/** What these commands print on a Spark; null for a command that is the machine's own affair. */
function answerTool({ command, args = [] }: RunRequest): CommandAnswer | null {
  const answer = tools[command];
  return answer === undefined ? null : answer(args);
}

const tools: Readonly<Record<string, (args: readonly string[]) => CommandAnswer>> = {
  "nvidia-smi": nvidiaSmi,
  lsblk: () => ({ exitCode: 0, stdout: `${JSON.stringify({ blockdevices: disks }, null, 3)}\n` }),
  lspci: () => ({
    exitCode: 0,
    stdout:
      "000f:01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GB10 [10de:2e12] (rev a1)\n",
  }),
  lscpu: () => ({
    exitCode: 0,
    stdout: "Architecture: aarch64\nCPU(s): 20\nModel name: Cortex-X925\nModel name: Cortex-A725\n",
  }),
  uname: (args) => ({ exitCode: 0, stdout: args.includes("-m") ? "aarch64\n" : "Linux\n" }),
};

function nvidiaSmi(args: readonly string[]): CommandAnswer {
  const valueOf = (name: string) =>
    args
      .find((arg) => arg.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .split(",");
  const fields = valueOf("--query-gpu");
  if (fields === undefined) {
    const apps = valueOf("--query-compute-apps") !== undefined;
    return { exitCode: 0, stdout: apps ? "" : "GPU 0: NVIDIA GB10\n" };
  }
  const header = valueOf("--format")?.includes("noheader") === true ? "" : `${fields.join(", ")}\n`;
  return {
    exitCode: 0,
    stdout: `${header}${fields.map((field) => gpu[field] ?? "[N/A]").join(", ")}\n`,
  };
}

/** As util-linux 2.39 prints them, snaps left out. */
const disks = [
  {
    name: "nvme0n1",
    kname: "nvme0n1",
    path: "/dev/nvme0n1",
    type: "disk",
    size: 4_096_805_658_624,
    rota: false,
    model: "SAMSUNG MZALC4T0HBL1-00B07",
    tran: "nvme",
    fstype: null,
    mountpoint: null,
    mountpoints: [null],
    children: [
      {
        ...partition("nvme0n1p1", 536_870_912),
        fstype: "vfat",
        mountpoint: "/boot/efi",
        mountpoints: ["/boot/efi"],
      },
      {
        ...partition("nvme0n1p2", 4_096_266_690_560),
        fstype: "ext4",
        mountpoint: "/",
        mountpoints: ["/"],
      },
    ],
  },
];

function partition(name: string, size: number) {
  return {
    name,
    kname: name,
    path: `/dev/${name}`,
    type: "part",
    size,
    rota: false,
    model: null,
    tran: "nvme",
  };
}
