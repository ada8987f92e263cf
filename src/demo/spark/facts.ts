/** Of a Spark with 128 GB: 121.6 GiB are left to the system. */
export const memoryTotalKib = 127_535_084;
const memoryAvailableKib = 119_004_112;

/** What a Spark's files say, by path. No serial number is among them. */
export const sparkFiles: Readonly<Record<string, string>> = {
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
export const sparkFolders: readonly string[] = [
  "/var/lib/docker",
  "/var/lib/containerd",
  "/var/run/cdi",
];

/** Everything below these is the Spark's, whether it is there or not. */
const sparkRoots: readonly string[] = ["/sys", "/etc/cdi", ...sparkFolders];

/** Whether a path tells of the machine, rather than holding something of the user's. */
export function isMachineFact(path: string): boolean {
  if (Object.hasOwn(sparkFiles, path)) return true;
  return sparkRoots.some((root) => path === root || path.startsWith(`${root}/`));
}

export const sparkMemory = {
  totalBytes: memoryTotalKib * 1024,
  availableBytes: memoryAvailableKib * 1024,
};
