import type { FailedChecks } from "../../plan/interview.ts";
import type { CheckStatus, Machine, MachineEvent } from "../../run/events/machine.ts";
import type { RunState } from "../../run/state.ts";
import { formatMemory } from "../../run/units.ts";
import { say, type Sentence } from "./sentence.ts";

const tones: Readonly<Record<CheckStatus, Sentence["tone"]>> = {
  ok: "good",
  warning: "warning",
  failed: "bad",
};

/** @param rightBefore checks that need not be told again */
export function machineSentence(
  event: MachineEvent,
  { rightBefore }: Pick<RunState, "rightBefore">,
): Sentence {
  switch (event.type) {
    case "check.started":
      return say(`Checking: ${event.title}.`, { from: "verbose" });
    case "check.finished":
      return say(event.found === "" ? event.title : `${event.title}: ${event.found}`, {
        tone: tones[event.status],
        mark: event.status,
        from: fromWhen(event, rightBefore),
        more: event.remedy === undefined ? [] : [remedyLine(event.remedy)],
      });
    case "machine.detected":
      return say(machineText(event), { from: rightBefore.length === 0 ? "normal" : "verbose" });
  }
}

function fromWhen(
  { id, status }: { readonly id: string; readonly status: CheckStatus },
  rightBefore: readonly string[],
): Sentence["from"] {
  if (status === "failed") return "quiet";
  return status === "ok" && rightBefore.includes(id) ? "verbose" : "normal";
}

/** "This is an NVIDIA DGX Spark with 121.6 GiB of memory." */
export function machineText(machine: Machine): string {
  const memory = `${formatMemory(machine.memoryBytes)} of memory`;
  if (machine.spark) {
    const name = machine.product ?? "DGX Spark";
    return `This is ${article(name)} ${name} with ${memory}.`;
  }
  const gpu = machine.gpu === null ? "no NVIDIA GPU" : machine.gpu.name;
  return `This is not a DGX Spark: ${machine.product ?? machine.arch} with ${memory} and ${gpu}.`;
}

/** What to do about a check that failed. */
export function remedyLine(remedy: string): string {
  return `Fix: ${remedy}`;
}

function article(name: string): string {
  // Initials are read letter by letter: an NVIDIA, an ASUS, an HP, an MSI; a Dell, a Lenovo.
  return /^(NV|HP|MSI|[AEIO])/.test(name) ? "an" : "a";
}

/** What the checks came to, above the list of them. */
export function failedChecksText({ blocking, checks }: FailedChecks): string {
  if (!blocking) return "Annie can run here, but this needs attention:";
  return checks.length === 1
    ? "Annie can't run until this is fixed:"
    : "Annie can't run until these are fixed:";
}

/** What to do about it. */
export const remediationText =
  "Fix this in another terminal, then press r. Nothing has been changed.";

/** The keys of the page. */
export function remedyKeys({ blocking }: FailedChecks): string[] {
  return ["r: check again", ...(blocking ? [] : ["Enter: continue"]), "q: quit"];
}
