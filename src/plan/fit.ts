import type { Gpu } from "../progress/events/machine.ts";
import type { Planning } from "./planning.ts";
import { tiersWith, totalsOf, type Totals } from "./totals.ts";

/** How a machine that is no Spark stands against what Annie wants. */
export interface MachineFit {
  readonly arch: string;
  /** Her containers exist for it: for aarch64 all, for x86_64 most. */
  readonly archFits: "yes" | "partly" | "no";
  readonly gpu: Gpu | null;
  /** Docker can hand it to containers. */
  readonly gpuInContainers: boolean;
  /** Of the sets of models that are chosen now. */
  readonly totals: Totals;
}

/** What is here and what the chosen models want. */
export function machineFit(planning: Planning): MachineFit {
  const { machine, answers } = planning;
  const arches = { aarch64: "yes", x86_64: "partly" } as const;
  return {
    arch: machine.arch,
    archFits: machine.arch === "aarch64" || machine.arch === "x86_64" ? arches[machine.arch] : "no",
    gpu: machine.gpu,
    gpuInContainers: machine.docker !== null && machine.docker.gpuAccess !== "none",
    totals: totalsOf(planning, tiersWith(planning, answers.tiers)),
  };
}
