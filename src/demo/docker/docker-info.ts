export const versions = { docker: "29.1.3", compose: "5.0.1" } as const;

/** `docker info --format '{{json .}}'` of a Spark, as far as anyone asks. */
export function dockerInfo() {
  return {
    ID: "00000000-0000-0000-0000-000000000000",
    Containers: 0,
    ContainersRunning: 0,
    Images: 6,
    Driver: "overlayfs",
    DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]],
    Architecture: "aarch64",
    OSType: "linux",
    OperatingSystem: "Ubuntu 24.04.3 LTS",
    KernelVersion: "6.14.0-1013-nvidia",
    NCPU: 20,
    MemTotal: 127_535_084 * 1024,
    DockerRootDir: "/var/lib/docker",
    Name: "spark-demo",
    ServerVersion: versions.docker,
    Runtimes: {
      "io.containerd.runc.v2": { path: "runc" },
      nvidia: { path: "nvidia-container-runtime" },
      runc: { path: "runc" },
    },
    DefaultRuntime: "runc",
    CDISpecDirs: ["/etc/cdi", "/var/run/cdi"],
    DiscoveredDevices: [
      { Source: "cdi", ID: "nvidia.com/gpu=0" },
      { Source: "cdi", ID: "nvidia.com/gpu=all" },
    ],
    ServerErrors: null,
    Warnings: null,
    ClientInfo: {
      Version: versions.docker,
      Plugins: [{ Name: "compose", Version: `v${versions.compose}` }],
    },
  };
}
