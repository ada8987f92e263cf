/** A probe begins: the screen shows its title with a spinner. */
export interface CheckStarted {
  readonly type: "check.started";
  readonly id: string;
  readonly title: string;
}

/** `skipped`: not checked, since something else is missing or was told not to be used. */
export type CheckStatus = "ok" | "warning" | "failed" | "skipped";

/** A probe ended, whatever it found. */
export interface CheckFinished {
  readonly type: "check.finished";
  /** Stable: `gpu`, `memory`, `disk.models`, `docker.engine`, `port.8000`, … */
  readonly id: string;
  readonly title: string;
  readonly status: CheckStatus;
  /** Where something is not right and has a code of its own: `docker.daemon_down`, `hub.captive_portal`. */
  readonly code?: string;
  /** What was found, as a person reads it: "NVIDIA GB10, driver 580.142". */
  readonly found: string;
  /** The one command, or the one sentence, that fixes it. */
  readonly remedy?: string;
  /** Worth telling only where something is not right. */
  readonly routine?: true;
  readonly elapsedMs: number;
}

export interface Gpu {
  /** As the driver names it: "NVIDIA GB10". */
  readonly name: string;
  readonly driver: string | null;
  readonly computeCapability: string | null;
  /** True where the GPU shares the system's memory and the driver names no figure of its own. */
  readonly unified: boolean;
  /** The GPU's own memory; null where it is unified or not known. */
  readonly memoryBytes: number | null;
  /** How many there are; left out by records of older versions. */
  readonly count?: number;
}

export interface DiskSpace {
  /** What heros puts there. */
  readonly purpose: "models" | "images" | "stack";
  readonly path: string;
  /** `nvme0n1p2`, or the file system's own name; null where it can't be told. */
  readonly device: string | null;
  readonly deviceModel: string | null;
  readonly nvme: boolean | null;
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface DockerFound {
  readonly engineVersion: string | null;
  readonly composeVersion: string | null;
  readonly rootDir: string | null;
  /** How containers reach the GPU: CDI, the `nvidia` runtime, or not at all. */
  readonly gpuAccess: "cdi" | "runtime" | "none";
}

export interface PortFound {
  readonly port: number;
  readonly free: boolean;
}

/** Everything the plan needs to know of the machine. No serial number is ever in it. */
export interface Machine {
  /** As Linux names it: `aarch64`, `x86_64`. */
  readonly arch: string;
  /** "NVIDIA DGX Spark", "ASUS GX10"; null where nothing names it. */
  readonly product: string | null;
  readonly spark: boolean;
  readonly cpuCount: number;
  readonly gpu: Gpu | null;
  readonly memoryBytes: number;
  readonly memoryAvailableBytes: number;
  readonly disks: readonly DiskSpace[];
  readonly docker: DockerFound | null;
  readonly ports: readonly PortFound[];
  readonly hub: {
    readonly endpoint: string;
    readonly reachable: boolean;
    readonly elapsedMs: number | null;
  };
}

export interface MachineDetected extends Machine {
  readonly type: "machine.detected";
}

/** Which checks there are; none of them is run. */
export interface ChecksListed {
  readonly type: "checks.listed";
  readonly checks: readonly {
    readonly id: string;
    readonly title: string;
    /** Why it matters to a person, in one sentence. */
    readonly why: string;
  }[];
}

/** What `heros doctor` found, at its end: each check once, in the order of the table. */
export interface DoctorReport {
  readonly type: "doctor.report";
  /** The version of this event's own form: a key gets another meaning only with another number. */
  readonly schema: 1;
  readonly checks: readonly {
    readonly id: string;
    readonly title: string;
    readonly status: CheckStatus;
    readonly found: string;
    readonly why: string;
    /** A command or a sentence; null where there is nothing to fix. */
    readonly fix: string | null;
  }[];
}

export type MachineEvent =
  | CheckStarted
  | CheckFinished
  | MachineDetected
  | ChecksListed
  | DoctorReport;
