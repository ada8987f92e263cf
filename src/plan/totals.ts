import { splitByFit } from "../catalog/capacity.ts";
import { memoryGibOf, modelsOfGroups, withRequires } from "../catalog/catalog.ts";
import type { Gpu } from "../run/events/machine.ts";
import type { Circumstances } from "./answers.ts";
import type { Interview } from "./interview.ts";
import type { Answers } from "./questions.ts";

/** What sets of models add up to, against what the machine has. */
export interface Totals {
  readonly totalBytes: number;
  readonly cachedBytes: number;
  readonly missingBytes: number;
  /** Null where the speed could not be measured, or nothing is missing. */
  readonly seconds: number | null;
  /** On the disk where models are kept; null where it is not known. */
  readonly freeBytes: number | null;
  /** By how much they do not fit on that disk; 0 where they do. */
  readonly lackingBytes: number;
  /** What the machine lacks for chosen sets: "vLLM needs a GPU with 8 GiB of memory; no GPU was found here". */
  readonly misfits: readonly string[];
  /** Models that the Hub tells no sizes of. */
  readonly unknown: number;
  readonly memoryBytes: number;
  /** What models can be loaded into: the GPU's own memory where it has one, else the machine's. */
  readonly hasMemoryBytes: number;
  /** Of the GPU alone. */
  readonly ownMemory: boolean;
  /** Fits into what there is, but not into what is free now. */
  readonly freeMemoryBytes: number;
}

/** @param groups ids; the required ones among them */
export function totalsOf(circumstances: Circumstances, groups: readonly string[]): Totals {
  const { machine, catalog, capacity, bytesPerSecond } = circumstances;
  const lacking = capacity === null ? [] : splitByFit(catalog, groups, capacity).lacking;
  const chosen = modelsOfGroups(catalog, groups);
  const models = circumstances.models.filter(({ id }) => chosen.some((model) => model.id === id));
  const totalBytes = models.reduce((sum, model) => sum + model.totalBytes, 0);
  const cachedBytes = models.reduce((sum, model) => sum + model.cachedBytes, 0);
  const missingBytes = Math.max(0, totalBytes - cachedBytes);
  const disk = machine.disks.find(({ purpose }) => purpose === "models");
  const freeBytes = disk?.freeBytes ?? null;
  const neededBytes =
    missingBytes === 0 ? 0 : missingBytes + circumstances.spareBytes(missingBytes);
  const memoryGib = memoryGibOf(chosen) + circumstances.servicesGib;
  const gpuBytes = machine.gpu?.memoryBytes ?? null;
  return {
    totalBytes,
    cachedBytes,
    missingBytes,
    seconds: bytesPerSecond === null || missingBytes === 0 ? null : missingBytes / bytesPerSecond,
    freeBytes,
    lackingBytes: freeBytes === null ? 0 : Math.max(0, neededBytes - freeBytes),
    misfits: lacking
      .filter(({ group }) => group.choice)
      .map(({ group, lack }) => `${group.title} needs ${lack}`),
    unknown: models.filter((model) => model.totalBytes === 0).length,
    memoryBytes: memoryGib * 1024 ** 3,
    hasMemoryBytes: gpuBytes ?? machine.memoryBytes,
    ownMemory: gpuBytes !== null,
    freeMemoryBytes: gpuBytes ?? machine.memoryAvailableBytes,
  };
}

/** The required groups and those that are chosen, with what they require. */
export function groupsWith({ catalog }: Circumstances, chosen: Answers["groups"]): string[] {
  return withRequires(catalog, [
    ...catalog.groups.filter(({ required }) => required).map(({ id }) => id),
    ...chosen,
  ]);
}

/** How a machine that is no Spark stands against what the stack wants. */
export interface Suitability {
  readonly arch: string;
  /** Its containers exist for it: for aarch64 all, for x86_64 most. */
  readonly archFits: "yes" | "partly" | "no";
  readonly gpu: Gpu | null;
  /** Docker can hand it to containers. */
  readonly gpuInContainers: boolean;
  /** Of the sets of models that are chosen now. */
  readonly totals: Totals;
}

/** What is here and what the chosen models want. */
export function suitabilityOf(interview: Interview): Suitability {
  const { machine, answers } = interview;
  const arches = { aarch64: "yes", x86_64: "partly" } as const;
  return {
    arch: machine.arch,
    archFits: machine.arch === "aarch64" || machine.arch === "x86_64" ? arches[machine.arch] : "no",
    gpu: machine.gpu,
    gpuInContainers: machine.docker !== null && machine.docker.gpuAccess !== "none",
    totals: totalsOf(interview, groupsWith(interview, answers.groups)),
  };
}
