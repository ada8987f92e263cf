import type { Suitability, Totals } from "../../plan/totals.ts";
import { formatBytes, formatEta, formatMemory } from "../../run/units.ts";
import { counted } from "./sentence.ts";

/** A line on what a choice comes to; one that does not fit is a warning. */
export interface TotalLine {
  readonly text: string;
  readonly fits: boolean;
}

/** What the chosen models come to, and where they do not fit, why and what would help. `wide`: there is room for all of it. */
export function totalLines(totals: Totals, wide: boolean): TotalLine[] {
  return [
    { text: downloadLine(totals, wide), fits: true },
    { text: memoryLine(totals), fits: true },
    ...misfits(totals).map((text) => ({ text, fits: false })),
  ];
}

function downloadLine(totals: Totals, wide: boolean): string {
  const { missingBytes, cachedBytes, seconds, freeBytes, unknown } = totals;
  const unsized = unknown === 0 ? "" : `, and ${counted(unknown, "model")} of unknown size`;
  if (missingBytes === 0 && unknown === 0) return "Nothing to download: all of it is here already.";
  const time = seconds === null ? "" : `, about ${formatEta(seconds)}`;
  const here = cachedBytes === 0 || !wide ? "" : `; ${formatBytes(cachedBytes)} are here already`;
  const free = freeBytes === null || !wide ? "" : `; ${formatBytes(freeBytes)} are free`;
  return `To download: ${formatBytes(missingBytes)}${unsized}${time}${here}${free}.`;
}

function memoryLine({ memoryBytes, hasMemoryBytes, ownMemory }: Totals): string {
  const whose = ownMemory ? " of the GPU's" : " of";
  return `Memory: ${formatMemory(memoryBytes)}${whose} ${formatMemory(hasMemoryBytes)}.`;
}

function misfits(totals: Totals): string[] {
  const { lackingBytes, memoryBytes, hasMemoryBytes, freeMemoryBytes, ownMemory } = totals;
  const disk =
    lackingBytes === 0
      ? []
      : [
          `${formatBytes(lackingBytes)} more disk space is needed. Take fewer models, free some space, or choose a folder on another disk later.`,
        ];
  if (memoryBytes > hasMemoryBytes) {
    const where = ownMemory ? "the GPU has" : "this machine has";
    return [
      ...disk,
      `That is more memory than ${where}: not all of it can work at once. Take fewer models.`,
    ];
  }
  if (memoryBytes > freeMemoryBytes) {
    return [
      ...disk,
      `Only ${formatMemory(freeMemoryBytes)} of memory are free now. Close other programs before Annie starts, or take fewer models.`,
    ];
  }
  return disk;
}

/** One thing that Annie wants, what is here of it, and whether that is enough. */
export interface SuitabilityLine {
  readonly text: string;
  readonly fits: boolean;
}

/** What is here against what Annie wants, a line each; what does not fit says what it means. */
export function suitabilityLines(fit: Suitability): SuitabilityLine[] {
  return [gpuLine(fit), machineMemoryLine(fit), diskLine(fit), processorLine(fit)];
}

function gpuLine({ gpu, gpuInContainers }: Suitability): SuitabilityLine {
  if (gpu === null) {
    return { text: "GPU: none from NVIDIA. Annie's models are made for one.", fits: false };
  }
  return gpuInContainers
    ? { text: `GPU: ${gpu.name}, and containers can use it.`, fits: true }
    : { text: `GPU: ${gpu.name}, but containers can't use it yet.`, fits: false };
}

function machineMemoryLine({ totals }: Suitability): SuitabilityLine {
  const { memoryBytes, hasMemoryBytes, ownMemory } = totals;
  const has = `${formatMemory(hasMemoryBytes)}${ownMemory ? " on the GPU" : ""}`;
  const wants = `Annie's models want ${formatMemory(memoryBytes)}`;
  return memoryBytes <= hasMemoryBytes
    ? { text: `Memory: ${has}; ${wants}.`, fits: true }
    : { text: `Memory: ${has}, but ${wants}. Take fewer of them.`, fits: false };
}

function diskLine({ totals }: Suitability): SuitabilityLine {
  const { freeBytes, missingBytes, lackingBytes } = totals;
  if (freeBytes === null) return { text: "Disk: not known how much is free.", fits: false };
  const wants = `${formatBytes(missingBytes)} to download`;
  return lackingBytes === 0
    ? { text: `Disk: ${formatBytes(freeBytes)} free, ${wants}.`, fits: true }
    : { text: `Disk: only ${formatBytes(freeBytes)} free, ${wants}.`, fits: false };
}

function processorLine({ arch, archFits }: Suitability): SuitabilityLine {
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
