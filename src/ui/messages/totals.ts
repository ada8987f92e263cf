import type { Suitability, Totals } from "../../plan/totals.ts";
import { formatBytes, formatEta, formatMemory } from "../../run/units.ts";
import { textWidth } from "../text-width.ts";
import { counted } from "./sentence.ts";

/** What the chosen models come to, in sentences; where they do not fit, why and what would help. */
export function totalLines(totals: Totals): string[] {
  const { missingBytes, cachedBytes, seconds, freeBytes, unknown } = totals;
  const time = seconds === null ? "" : `, about ${formatEta(seconds)}`;
  const cached = cachedBytes === 0 ? "" : `; ${formatBytes(cachedBytes)} already cached`;
  const free = freeBytes === null ? "" : `; ${formatBytes(freeBytes)} of disk space free`;
  const download =
    missingBytes === 0 && unknown === 0
      ? "Nothing to download: everything is cached."
      : `To download: ${sizeText(totals)}${time}${cached}${free}.`;
  return [download, `Memory: ${memoryText(totals)}.`];
}

/** The same in one row, or in rows where it is too long for one: "4.31 GB to download · about 39 s · 10.3 of 121.6 GiB memory · 3.12 TB free". */
export function totalRow(
  totals: Totals,
  { columns, separator }: { readonly columns: number; readonly separator: string },
): string[] {
  const { missingBytes, cachedBytes, seconds, unknown } = totals;
  const isThere = missingBytes === 0 && unknown === 0;
  const rest = [
    ...(cachedBytes === 0 || isThere ? [] : [`${formatBytes(cachedBytes)} cached`]),
    ...memoryAndDisk(totals),
  ];
  const time = seconds === null ? [] : [formatEta(seconds)];
  const download = isThere ? "Nothing to download" : `${sizeText(totals)} to download`;
  const whole = [download, ...time.map((eta) => `about ${eta}`), ...rest];
  const short = [isThere ? download : sizeText(totals), ...time, ...rest];
  const between = ` ${separator} `;
  const rows = [[...whole, "1 GiB is 1.07 GB"], whole, short].map((parts) => parts.join(between));
  const row = rows.find((text) => textWidth(text) <= columns);
  return row === undefined ? partRows(short, { columns, separator }) : [row];
}

/** "10.3 of 121.6 GiB memory", "3.12 TB free". */
export function memoryAndDisk(totals: Totals): string[] {
  const free = totals.freeBytes === null ? [] : [`${formatBytes(totals.freeBytes)} free`];
  return [`${memoryText(totals)} memory`, ...free];
}

/** Parts with a separator between, as many in a row as fit. */
export function partRows(
  parts: readonly string[],
  { columns, separator }: { readonly columns: number; readonly separator: string },
): string[] {
  const between = ` ${separator} `;
  return parts.reduce<string[]>((rows, part) => {
    const joined = `${rows.at(-1) ?? ""}${between}${part}`;
    return rows.length > 0 && textWidth(joined) <= columns
      ? [...rows.slice(0, -1), joined]
      : [...rows, part];
  }, []);
}

function sizeText({ missingBytes, unknown }: Totals): string {
  const unsized = unknown === 0 ? "" : ` + ${counted(unknown, "model")} of unknown size`;
  return formatBytes(missingBytes) + unsized;
}

/** "10.3 of 121.6 GiB". */
function memoryText({ memoryBytes, hasMemoryBytes, ownMemory }: Totals): string {
  const needed = formatMemory(memoryBytes).replace(" GiB", "");
  return `${needed} of ${formatMemory(hasMemoryBytes)}${ownMemory ? " GPU" : ""}`;
}

/** What does not fit, and what would help. */
export function misfitLines(totals: Totals): string[] {
  const { lackingBytes, memoryBytes, hasMemoryBytes, freeMemoryBytes, ownMemory } = totals;
  const lines = totals.misfits.map((misfit) => `${misfit}. Choose something else.`);
  if (lackingBytes > 0) {
    lines.push(
      `${formatBytes(lackingBytes)} more disk space is needed. Choose fewer models, free some space, or store them on another disk (asked later).`,
    );
  }
  if (memoryBytes > hasMemoryBytes) {
    const where = ownMemory ? "the GPU has" : "this machine has";
    lines.push(
      `These need more memory than ${where}. Not all of them can run together: choose fewer models.`,
    );
  } else if (memoryBytes > freeMemoryBytes) {
    lines.push(
      `Only ${formatMemory(freeMemoryBytes)} of memory is free now. Close other programs first, or choose fewer models.`,
    );
  }
  return lines;
}

/** One thing that the stack needs, what there is of it, and whether that is enough. */
export interface SuitabilityLine {
  readonly text: string;
  readonly fits: boolean;
}

/** What there is against what the stack needs, a line each; what does not fit says what it means. */
export function suitabilityLines(fit: Suitability): SuitabilityLine[] {
  return [gpuLine(fit), machineMemoryLine(fit), diskLine(fit), processorLine(fit)];
}

function gpuLine({ gpu, gpuInContainers }: Suitability): SuitabilityLine {
  if (gpu === null) {
    return { text: "GPU: none from NVIDIA. The models need one.", fits: false };
  }
  return gpuInContainers
    ? { text: `GPU: ${gpu.name}, and containers can use it.`, fits: true }
    : { text: `GPU: ${gpu.name}, but containers can't use it yet.`, fits: false };
}

function machineMemoryLine({ totals }: Suitability): SuitabilityLine {
  const { memoryBytes, hasMemoryBytes, ownMemory } = totals;
  const has = `${formatMemory(hasMemoryBytes)}${ownMemory ? " on the GPU" : ""}`;
  const needed = `models need ${formatMemory(memoryBytes)}`;
  return memoryBytes <= hasMemoryBytes
    ? { text: `Memory: ${has}. The ${needed}.`, fits: true }
    : { text: `Memory: ${has}, but the ${needed}. Choose fewer.`, fits: false };
}

function diskLine({ totals }: Suitability): SuitabilityLine {
  const { freeBytes, missingBytes, lackingBytes } = totals;
  if (freeBytes === null) return { text: "Disk: free space unknown.", fits: false };
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
        text: `Processor: ${arch}. Some of the containers are not built for it.`,
        fits: false,
      };
    case "no":
      return {
        text: `Processor: ${arch}. The containers are not built for it.`,
        fits: false,
      };
  }
}
