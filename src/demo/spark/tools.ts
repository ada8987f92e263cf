import type { RunRequest } from "../../host/processes.ts";
import type { CommandAnswer } from "../docker/docker-command.ts";

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
export function answerTool({ command, args = [] }: RunRequest): CommandAnswer | null {
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
