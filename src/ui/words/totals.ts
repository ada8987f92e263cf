import type { Totals } from "../../plan/totals.ts";
import { formatBytes, formatEta, formatMemory } from "../../progress/units.ts";
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
