import { exitCodes } from "../exit-codes.ts";
import type { Failure } from "../failure.ts";
import { row } from "./row.ts";

export const machineFailures = {
  "machine.unsupported": row<{
    /** What was found instead: "x86_64", "no NVIDIA GPU". */
    readonly found: readonly string[];
  }>({
    exitCode: exitCodes.machine,
    message: ({ found }) => `This machine is not a DGX Spark: ${found.join(", ")}.`,
    hint: () => "her-os is made for the DGX Spark. To try it here anyway, add --allow-unsupported.",
  }),
  "gpu.missing": row<{
    readonly found: string;
    readonly remedy: string;
  }>({
    exitCode: exitCodes.machine,
    message: ({ found }) => `The GPU does not respond: ${found}.`,
    hint: ({ remedy }) => `Fix: ${remedy}.`,
  }),
  /** What `heros doctor` ends with: the first of them says what to do, and with which exit status. */
  "doctor.problems": row<{ readonly first: Failure; readonly count: number }>({
    exitCode: ({ first }) => first.exitCode,
    message: ({ first, count }) =>
      count === 1
        ? first.message
        : `${count} problems prevent Annie from running. Fix this first: ${first.message}`,
    hint: ({ first }) => first.hint,
  }),
};
