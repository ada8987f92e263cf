import { systemMemoryGib } from "../catalog/catalog.ts";
import { formatMemory } from "../run/units.ts";
import type { Cpu, Memory, Product } from "../machine/hardware.ts";
import type { Gpu, Machine } from "../run/events/machine.ts";
import type { Failure } from "../run/failure.ts";
import { type Probe, lateText } from "../host/time-limit.ts";
import { failure } from "../run/failures/table.ts";
import { type NvidiaSmi, describeGpu } from "../machine/gpu.ts";
import type { Consent } from "./ask-machine.ts";
import type { Finding } from "./finding.ts";

/** From here on a machine counts as one with 128 GB: firmware keeps 2 to 4 GB for the display, so the system sees 119.7 to 121.7 GiB. */
const unifiedClassBytes = 110 * 1024 ** 3;

export function assessCpu(arch: string, { count, kinds }: Cpu): Finding {
  const names = kinds.map((kind) =>
    kinds.length === 1 ? kind.name : `${kind.count} × ${kind.name}`,
  );
  const cores = count === 0 ? [] : [`${count} ${count === 1 ? "core" : "cores"}`];
  const detail = names.length === 0 ? "" : ` (${names.join(", ")})`;
  const found = `${[arch, ...cores].join(", ")}${detail}`;
  if (arch === "aarch64" || arch === "x86_64") return { status: "ok", found };
  return {
    status: "warning",
    found,
    remedy: "The stack's containers need aarch64; some also run on x86_64.",
  };
}

export function assessProduct(
  { spark, label, osVersion }: Product,
  { arch, gpu, consent }: Pick<Machine, "arch" | "gpu"> & { readonly consent: Consent },
): Finding {
  if (spark) {
    return {
      status: "ok",
      found: `${label ?? "DGX Spark"}${osVersion === null ? "" : `, DGX OS ${osVersion}`}`,
    };
  }
  const found = label === null ? "not a DGX Spark" : `${label}, not a DGX Spark`;
  if (consent === "given") return { status: "warning", found };
  if (consent === "asked") return { status: "warning", found, remedy: consentRemedies.asked };
  return {
    status: "failed",
    found,
    remedy: consentRemedies.missing,
    failure: unsupportedFailure({ product: label, arch, gpu }),
  };
}

const consentRemedies = {
  asked: "agree to it when heros setup asks",
  missing: "add --allow-unsupported to try it anyway",
} as const;

/** Why a stack is not set up on this machine without consent, with what was found. */
export function unsupportedFailure({
  product,
  arch,
  gpu,
}: Pick<Machine, "product" | "arch" | "gpu">): Failure {
  const found = [
    ...(product === null ? [] : [product]),
    arch,
    gpu === null ? "no NVIDIA GPU" : describeGpu(gpu),
  ];
  return failure("machine.unsupported", { found });
}

export function assessGpu(
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
      remedy: "Restart the machine, then check that nvidia-smi responds.",
    };
  }
  const remedy =
    smi.state === "missing"
      ? "sudo apt-get update && sudo apt-get dist-upgrade, then restart the machine"
      : "sudo reboot. If nvidia-smi still lists no GPU, update the driver: sudo apt-get update && sudo apt-get dist-upgrade";
  return {
    status: "failed",
    found,
    remedy,
    failure: failure("gpu.missing", { found, remedy }),
  };
}

function describeSilence(smi: NvidiaSmi, limitMs: number): string {
  switch (smi.state) {
    case "missing":
      return "the NVIDIA driver is not installed (no nvidia-smi)";
    case "failed":
      return `nvidia-smi failed: ${smi.reason.replace(/\.$/, "")}`;
    case "late":
      return `nvidia-smi: ${lateText({ limitMs })}`;
    case "none":
    case "gpus":
      return "nvidia-smi finds no GPU";
  }
}

/** `modelsGib`: what the chosen models take. */
export function assessMemory(
  memory: Memory | null,
  machine: { readonly spark: boolean; readonly modelsGib: number },
): Finding {
  if (memory === null) return { status: "warning", found: "size unknown" };
  const shared = machine.spark ? ", shared by CPU and GPU" : "";
  const swap = memory.swapBytes === 0 ? "" : " with swap";
  const free = `${formatMemory(memory.totalBytes)}${shared}, ${formatMemory(memory.availableBytes)} free${swap}`;
  const neededBytes = (machine.modelsGib + systemMemoryGib) * 1024 ** 3;
  const found = `${free}, ${formatMemory(neededBytes)} needed`;
  if (memory.availableBytes < neededBytes) {
    const needed = `The chosen models need ${machine.modelsGib} GiB, and the system about ${systemMemoryGib} GiB`;
    return {
      status: "warning",
      found,
      remedy:
        memory.totalBytes < neededBytes
          ? `${needed}: choose fewer models (--tiers 1).`
          : `${needed}: close other programs first (nvidia-smi lists the ones that use the GPU).`,
    };
  }
  if (machine.spark && memory.totalBytes < unifiedClassBytes) {
    return {
      status: "warning",
      found,
      remedy: "A DGX Spark has 128 GB: check its firmware settings for reserved memory.",
    };
  }
  return { status: "ok", found };
}
