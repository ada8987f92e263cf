import type { RunResult } from "../host/processes.ts";
import { late, type Probe, withinLimit } from "../host/time-limit.ts";
import type { Gpu } from "../run/events/machine.ts";
import { formatMemory } from "../run/units.ts";

/** The GPU that the stack would use: the Spark's own, else the first. */
export function chooseGpu(
  smi: NvidiaSmi,
  machine: { readonly spark: boolean; readonly arch: string },
): Gpu | null {
  if (smi.state !== "gpus") return null;
  const gpu = smi.gpus.find(({ name }) => /\bGB10\b/.test(name)) ?? smi.gpus[0];
  return {
    ...gpu,
    unified: gpu.memoryBytes === null && (machine.spark || machine.arch === "aarch64"),
    count: smi.gpus.length,
  };
}

/** "NVIDIA GB10, driver 580.142", "NVIDIA GeForce RTX 4090 with 24 GiB, driver 570.86". */
export function describeGpu(gpu: Gpu): string {
  const memory = gpu.memoryBytes === null ? "" : ` with ${formatMemory(gpu.memoryBytes)}`;
  const driver = gpu.driver === null ? "" : `, driver ${gpu.driver}`;
  return `${gpu.name}${memory}${driver}`;
}

/** A GPU as the driver tells of it. */
export interface ReportedGpu {
  readonly name: string;
  readonly driver: string | null;
  readonly computeCapability: string | null;
  /** Null where the driver names no figure: `[N/A]`, `Not Supported`. */
  readonly memoryBytes: number | null;
}

export type NvidiaSmi =
  | { readonly state: "gpus"; readonly gpus: readonly [ReportedGpu, ...ReportedGpu[]] }
  /** The driver runs and sees no GPU. */
  | { readonly state: "none" }
  /** No such command. */
  | { readonly state: "missing" }
  /** The driver does not answer; `reason` in its own words. */
  | { readonly state: "failed"; readonly reason: string }
  | { readonly state: "late" };

export const nvidiaSmiArgs = [
  "--query-gpu=index,name,pci.bus_id,driver_version,compute_cap,memory.total",
  "--format=csv,noheader,nounits",
] as const;

export async function askNvidiaSmi(probe: Probe): Promise<NvidiaSmi> {
  const result = await withinLimit(probe, (signal) =>
    probe.host.processes.run({ command: "nvidia-smi", args: nvidiaSmiArgs, signal }),
  );
  return result === late ? { state: "late" } : parseNvidiaSmi(result);
}

/** Reads the CSV, with or without its header and units. A broken driver is told by its text, since its status may be 0. */
export function parseNvidiaSmi(
  result: Pick<RunResult, "exitCode" | "stdout" | "stderr" | "missing">,
): NvidiaSmi {
  if (result.missing) return { state: "missing" };
  const text = `${result.stdout}\n${result.stderr}`;
  if (/no devices were found/i.test(text)) return { state: "none" };
  const gpus = result.stdout.split("\n").flatMap((line) => parseLine(line) ?? []);
  const [first, ...others] = gpus;
  if (first !== undefined) return { state: "gpus", gpus: [first, ...others] };
  const reason = text.split("\n").find((line) => line.trim() !== "");
  return { state: "failed", reason: reason?.trim() ?? `status ${result.exitCode ?? "unknown"}` };
}

function parseLine(line: string): ReportedGpu | null {
  const [index, name, , driver, computeCapability, memory] = line
    .split(",")
    .map((cell) => cell.trim());
  if (index === undefined || !/^\d+$/.test(index) || name === undefined) return null;
  return {
    name,
    driver: known(driver),
    computeCapability: known(computeCapability),
    memoryBytes: mebibytes(memory),
  };
}

function known(cell: string | undefined): string | null {
  return cell === undefined || cell === "" || /^\[.*\]$|^n\/a$|not supported/i.test(cell)
    ? null
    : cell;
}

/** `24564` or `24564 MiB`. */
function mebibytes(cell: string | undefined): number | null {
  const match = /^(\d+)(?:\s*MiB)?$/.exec(cell ?? "");
  return match === null ? null : Number(match[1]) * 1024 ** 2;
}
