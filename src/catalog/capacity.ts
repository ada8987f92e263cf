import { type Catalog, type CatalogModel, type Group, groupOf, type Needs } from "./catalog.ts";
import type { Machine } from "../run/events/machine.ts";
import type { MachineValue } from "./stack.ts";

/** What a machine has for models. */
export interface Capacity {
  readonly gpus: number;
  /** Of one GPU: its own, or the machine's where they share it; 0 where there is none. */
  readonly gpuMemoryGib: number;
  readonly memoryGib: number;
}

/** The numbers of makers are rounded up: a GPU of "24 GB" reports 23.6 GiB. */
const tolerance = 0.95;

/** What of these needs the machine lacks, as a person reads it; null where it has all. */
export function lackOf(needs: Needs, { gpus, gpuMemoryGib, memoryGib }: Capacity): string | null {
  const gib = (value: number) => `${Math.round(value)} GiB`;
  if (needs.gpuMemoryGib > 0 && gpuMemoryGib < needs.gpuMemoryGib * tolerance) {
    const has = gpus === 0 ? "no GPU was found here" : `the one here has ${gib(gpuMemoryGib)}`;
    return `a GPU with ${gib(needs.gpuMemoryGib)} of memory; ${has}`;
  }
  if (gpus < needs.gpus) {
    const has = gpus === 0 ? "none was found here" : `${gpus} ${gpus === 1 ? "is" : "are"} here`;
    return `${needs.gpus} ${needs.gpus === 1 ? "GPU" : "GPUs"}; ${has}`;
  }
  if (memoryGib < needs.memoryGib * tolerance) {
    return `${gib(needs.memoryGib)} of memory; this machine has ${gib(memoryGib)}`;
  }
  return null;
}

/** A group, with those that it requires: the first lack of theirs. */
export function groupLack(catalog: Catalog, id: string, capacity: Capacity): string | null {
  const seen = new Set([id]);
  for (const each of seen) {
    const group = groupOf(catalog, each);
    if (group === undefined) continue;
    const lack = lackOf(group.needs, capacity);
    if (lack !== null) return lack;
    for (const next of group.requires) seen.add(next);
  }
  return null;
}

/** The catalog for this machine: of each model the first form that fits, else the smallest. */
export function fittingCatalog(catalog: Catalog, capacity: Capacity): Catalog {
  if (!catalog.models.some(({ variants }) => variants.length > 0)) return catalog;
  return { ...catalog, models: catalog.models.map((model) => fittingModel(model, capacity)) };
}

function fittingModel(model: CatalogModel, { gpuMemoryGib, memoryGib }: Capacity): CatalogModel {
  const { variants } = model;
  if (variants.length === 0) return model;
  const has = gpuMemoryGib > 0 ? gpuMemoryGib : memoryGib;
  const forms = [model, ...variants];
  const fitting = forms.find((form) => form.recommendedGib <= has);
  const smallest = forms.toSorted((a, b) => a.memoryGib - b.memoryGib)[0];
  const { title, parts, memoryGib: takes, recommendedGib } = fitting ?? smallest ?? model;
  return { ...model, title, parts, memoryGib: takes, recommendedGib };
}

/** Groups without which nobody would miss what the machine can't run: the chosen ones that fit, and those that do not. */
export function splitByFit(
  catalog: Catalog,
  groups: readonly string[],
  capacity: Capacity,
): { readonly fitting: readonly string[]; readonly lacking: readonly Lacking[] } {
  const lacking = groups.flatMap((id): Lacking[] => {
    const group = groupOf(catalog, id);
    const lack = group === undefined ? null : groupLack(catalog, id, capacity);
    return group === undefined || lack === null ? [] : [{ group, lack }];
  });
  return { fitting: groups.filter((id) => !lacking.some(({ group }) => group.id === id)), lacking };
}

export interface Lacking {
  readonly group: Group;
  /** "a GPU with 24 GiB of memory; the one here has 12 GiB". */
  readonly lack: string;
}

/** By the words that catalogs have for them; 0 where nobody looked. */
export function capacityNumbers(
  capacity: Capacity | null,
): Readonly<Record<MachineValue["of"], number>> {
  return {
    gpus: capacity?.gpus ?? 0,
    "gpu-memory-gib": capacity?.gpuMemoryGib ?? 0,
    "memory-gib": capacity?.memoryGib ?? 0,
  };
}

/** Of a machine as it was detected. A GPU that shares the machine's memory has all of it. */
export function capacityOf({ gpu, memoryBytes }: Pick<Machine, "gpu" | "memoryBytes">): Capacity {
  const memoryGib = memoryBytes / 1024 ** 3;
  if (gpu === null) return { gpus: 0, gpuMemoryGib: 0, memoryGib };
  const { count = 1, memoryBytes: own } = gpu;
  return { gpus: count, gpuMemoryGib: own === null ? memoryGib : own / 1024 ** 3, memoryGib };
}
