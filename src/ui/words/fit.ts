import type { MachineFit } from "../../plan/fit.ts";
import { formatBytes, formatMemory } from "../../progress/units.ts";

/** One thing that Annie wants, what is here of it, and whether that is enough. */
export interface FitLine {
  readonly text: string;
  readonly fits: boolean;
}

/** What is here against what Annie wants, a line each; what does not fit says what it means. */
export function fitLines(fit: MachineFit): FitLine[] {
  return [gpuLine(fit), memoryLine(fit), diskLine(fit), processorLine(fit)];
}

function gpuLine({ gpu, gpuInContainers }: MachineFit): FitLine {
  if (gpu === null) {
    return { text: "GPU: none from NVIDIA. Annie's models are made for one.", fits: false };
  }
  return gpuInContainers
    ? { text: `GPU: ${gpu.name}, and containers can use it.`, fits: true }
    : { text: `GPU: ${gpu.name}, but containers can't use it yet.`, fits: false };
}

function memoryLine({ totals }: MachineFit): FitLine {
  const { memoryBytes, hasMemoryBytes, ownMemory } = totals;
  const has = `${formatMemory(hasMemoryBytes)}${ownMemory ? " on the GPU" : ""}`;
  const wants = `Annie's models want ${formatMemory(memoryBytes)}`;
  return memoryBytes <= hasMemoryBytes
    ? { text: `Memory: ${has}; ${wants}.`, fits: true }
    : { text: `Memory: ${has}, but ${wants}. Take fewer of them.`, fits: false };
}

function diskLine({ totals }: MachineFit): FitLine {
  const { freeBytes, missingBytes, lackingBytes } = totals;
  if (freeBytes === null) return { text: "Disk: not known how much is free.", fits: false };
  const wants = `${formatBytes(missingBytes)} to download`;
  return lackingBytes === 0
    ? { text: `Disk: ${formatBytes(freeBytes)} free, ${wants}.`, fits: true }
    : { text: `Disk: only ${formatBytes(freeBytes)} free, ${wants}.`, fits: false };
}

function processorLine({ arch, archFits }: MachineFit): FitLine {
  switch (archFits) {
    case "yes":
      return { text: `Processor: ${arch}, as in a DGX Spark.`, fits: true };
    case "partly":
      return {
        text: `Processor: ${arch}. Not all of Annie's containers are made for it.`,
        fits: false,
      };
    case "no":
      return { text: `Processor: ${arch}. Annie's containers are not made for it.`, fits: false };
  }
}
