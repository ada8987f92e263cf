import type { System } from "../../src/host/host.ts";
import { fixture } from "./fixture.ts";

export const spark = {
  tools: {
    "nvidia-smi": { stdout: fixture("spark/nvidia-smi.csv") },
    lsblk: { stdout: fixture("spark/lsblk.json") },
    "docker info": { stdout: fixture("docker/29-cdi.json") },
    "docker compose": { stdout: "2.40.3\n" },
  },
  host: {
    arch: "aarch64",
    system: system({ totalKib: 127_535_084, device: "/dev/nvme0n1p2" }),
    disk: { totalBytes: 4_030e9, freeBytes: 3_400e9 },
    texts: {
      "/etc/dgx-release": fixture("spark/dgx-release"),
      "/etc/fastos-release": fixture("spark/fastos-release"),
      "/proc/meminfo": fixture("spark/meminfo"),
      "/proc/cpuinfo": fixture("spark/cpuinfo"),
      "/sys/class/dmi/id/sys_vendor": "NVIDIA\n",
      "/sys/class/dmi/id/product_name": "NVIDIA_DGX_Spark\n",
      "/sys/class/dmi/id/product_version": "A.7\n",
      "/sys/class/dmi/id/product_serial": "1983925020080\n",
      "/sys/bus/pci/devices/000f:01:00.0/vendor": "0x10de\n",
      "/sys/bus/pci/devices/000f:01:00.0/device": "0x2e12\n",
    },
  },
} as const;

export const bare = {
  tools: {},
  host: {
    arch: "x86_64",
    system: system({ totalKib: 16_000_000, device: "/dev/vda1" }),
    disk: { totalBytes: 50e9, freeBytes: 20e9 },
    texts: {},
  },
} as const;

/** Memory and one file system, as the host tells of them. */
export function system({
  totalKib,
  device,
}: {
  readonly totalKib: number;
  readonly device: string;
}): System {
  return {
    async memory() {
      return { totalBytes: totalKib * 1024, availableBytes: totalKib * 512 };
    },
    fileSystems: async () => [{ device, type: "ext4", mount: "/" }],
    tasksPerCore: () => 0.5,
  };
}
