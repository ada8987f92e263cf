import type { Gpu } from "../progress/events/machine.ts";
import { exitCodes, Failure } from "../progress/failure.ts";
import { formatMemory } from "../progress/units.ts";
import type { Finding } from "./finding.ts";
import type { NvidiaSmi } from "./nvidia-smi.ts";
import { lateText, type Probe } from "./time-limit.ts";

/** The GPU that Annie would use: the Spark's own, else the first. */
export function chooseGpu(
  smi: NvidiaSmi,
  machine: { readonly spark: boolean; readonly arch: string },
): Gpu | null {
  if (smi.state !== "gpus") return null;
  const gpu = smi.gpus.find(({ name }) => /\bGB10\b/.test(name)) ?? smi.gpus[0];
  return {
    ...gpu,
    unified: gpu.memoryBytes === null && (machine.spark || machine.arch === "aarch64"),
  };
}

export function judgeGpu(
  smi: NvidiaSmi,
  {
    gpu,
    spark,
    limitMs,
  }: { readonly gpu: Gpu | null; readonly spark: boolean } & Pick<Probe, "limitMs">,
): Finding {
  if (gpu !== null) return { status: "ok", found: describeGpu(gpu) };
  const found = describeSilence(smi, limitMs);
  if (!spark) return { status: "warning", found };
  if (smi.state === "late") {
    return {
      status: "warning",
      found,
      remedy: "Restart the machine, then see whether nvidia-smi answers.",
    };
  }
  const remedy =
    smi.state === "missing"
      ? "sudo apt-get update && sudo apt-get dist-upgrade, then restart the machine"
      : "sudo reboot, then see whether nvidia-smi lists the GPU";
  return {
    status: "failed",
    found,
    remedy,
    failure: new Failure({
      code: "gpu.missing",
      message: `The GPU of this machine does not answer: ${found}.`,
      hint: `Try: ${remedy}.`,
      exitCode: exitCodes.machine,
    }),
  };
}

/** "NVIDIA GB10, driver 580.142", "NVIDIA GeForce RTX 4090 with 24 GiB, driver 570.86". */
export function describeGpu(gpu: Gpu): string {
  const memory = gpu.memoryBytes === null ? "" : ` with ${formatMemory(gpu.memoryBytes)}`;
  const driver = gpu.driver === null ? "" : `, driver ${gpu.driver}`;
  return `${gpu.name}${memory}${driver}`;
}

function describeSilence(smi: NvidiaSmi, limitMs: number): string {
  switch (smi.state) {
    case "missing":
      return "no NVIDIA driver is installed (nvidia-smi is missing)";
    case "failed":
      return `nvidia-smi says: ${smi.reason.replace(/\.$/, "")}`;
    case "late":
      return `nvidia-smi: ${lateText({ limitMs })}`;
    case "none":
    case "gpus":
      return "nvidia-smi finds no GPU";
  }
}
