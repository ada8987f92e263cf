import { withName } from "../../run/assistant.ts";
import type { FailedChecks } from "../../plan/interview.ts";
import type {
  ChecksListed,
  CheckStatus,
  DoctorReport,
  Machine,
  MachineEvent,
} from "../../run/events/machine.ts";
import type { RunState } from "../../run/state/state.ts";
import { formatMemory } from "../../run/units.ts";
import { counted, listed, say, type Sentence } from "./sentence.ts";

const tones: Readonly<Record<CheckStatus, Sentence["tone"]>> = {
  ok: "good",
  warning: "warning",
  failed: "bad",
  skipped: "info",
};

/** Checks that passed are told by their number, in one line with the machine; `heros doctor` lists them. */
export function machineSentence(
  event: Exclude<MachineEvent, DoctorReport>,
  state: CheckedState,
): Sentence {
  switch (event.type) {
    case "check.started":
      return say(`Checking: ${event.title}.`, { from: "verbose" });
    case "check.finished":
      return say(event.found === "" ? event.title : `${event.title}: ${event.found}`, {
        tone: tones[event.status],
        mark: event.status,
        from: fromWhen(event, state),
        more: event.remedy === undefined ? [] : [remedyLine(event.remedy)],
      });
    case "machine.detected":
      return machineKnown(event, state);
    case "checks.listed":
      return listSentence(event);
  }
}

function listSentence({ checks }: ChecksListed): Sentence {
  const width = Math.max(...checks.map(({ id }) => id.length));
  return say(`${counted(checks.length, "check")}:`, {
    from: "quiet",
    more: checks.flatMap(({ id, title, why }) => [
      `${id.padEnd(width)}  ${title}`,
      `${" ".repeat(width)}  ${why}`,
    ]),
  });
}

/** The checks that can be told now, and could not `before`: all in front of them are known. */
export function checkSentences(before: RunState["checks"], state: RunState): Sentence[] {
  const known = (checks: RunState["checks"]): number => {
    const open = checks.findIndex(({ status }) => status === "running");
    return open < 0 ? checks.length : open;
  };
  return state.checks.slice(known(before), known(state.checks)).flatMap(checkedSentence(state));
}

/** A check that is done, from what is known of it; none while it runs. */
export function checkedSentence(state: RunState) {
  return ({
    id,
    title,
    status,
    found,
    remedy,
    routine,
  }: RunState["checks"][number]): Sentence[] => {
    if (status === "running") return [];
    const rest = {
      ...(remedy === null ? {} : { remedy }),
      ...(routine === undefined ? {} : { routine }),
    };
    const type = "check.finished";
    return [machineSentence({ type, id, title, status, found, elapsedMs: 0, ...rest }, state)];
  };
}

/** `rightBefore`: checks that need not be told again. */
type CheckedState = Pick<RunState, "run" | "rightBefore" | "checks">;

function fromWhen(
  { status, routine }: { readonly status: CheckStatus; readonly routine?: true },
  { run }: CheckedState,
): Sentence["from"] {
  if (status === "failed") return "quiet";
  if (status === "skipped") return "verbose";
  const isListed = run?.command === "doctor" && routine === undefined;
  return status === "ok" && !isListed ? "verbose" : "normal";
}

/** What the checks came to; once more where one passes that did not before. */
function machineKnown(machine: Machine, { rightBefore, checks }: CheckedState): Sentence {
  const isNews = checks.some(({ id, status }) => status === "ok" && !rightBefore.includes(id));
  const isWell =
    machine.spark && checks.every(({ status }) => status === "ok" || status === "skipped");
  return say(machineText(machine, checks), {
    from: rightBefore.length === 0 || isNews ? "normal" : "verbose",
    ...(isWell ? { tone: "good", mark: "ok" } : {}),
  });
}

/** "NVIDIA DGX Spark, 121.6 GiB memory, 11 checks passed"; `short`: without the memory. */
export function machineText(
  machine: Machine,
  checks: RunState["checks"],
  { short = false }: { readonly short?: boolean } = {},
): string {
  const gpu = machine.gpu === null ? "no NVIDIA GPU" : machine.gpu.name;
  const facts = [`${formatMemory(machine.memoryBytes)} memory`, ...(machine.spark ? [] : [gpu])];
  return [
    machine.spark
      ? (machine.product ?? "DGX Spark")
      : `Not a DGX Spark: ${machine.product ?? machine.arch}`,
    ...(short ? [] : facts),
    ...(checks.length === 0 ? [] : [checkCounts(checks)]),
  ].join(", ");
}

/** "11 checks passed"; "4 checks passed, 3 warnings, 4 failed". */
function checkCounts(checks: RunState["checks"]): string {
  const count = (wanted: CheckStatus) => checks.filter(({ status }) => status === wanted).length;
  const [warnings, failed, skipped] = [count("warning"), count("failed"), count("skipped")];
  return [
    `${counted(count("ok"), "check")} passed`,
    ...(warnings === 0 ? [] : [counted(warnings, "warning")]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ].join(", ");
}

/** When the machine was checked again, and what is different since. */
export function recheckText(
  { before, now }: { readonly before: FailedChecks; readonly now: FailedChecks },
  at: string | null,
): string {
  const was = new Map(before.checks.map((check) => [check.id, check]));
  const still = new Set(now.checks.map(({ id }) => id));
  const titles = (checks: FailedChecks["checks"]): string =>
    listed(checks.map(({ title }) => title));
  const told = [
    ["Fixed", before.checks.filter(({ id }) => !still.has(id))],
    ["New", now.checks.filter(({ id }) => !was.has(id))],
    ["Changed", now.checks.filter(({ id, found }) => (was.get(id)?.found ?? found) !== found)],
  ] as const;
  const news = told.flatMap(([word, checks]) =>
    checks.length === 0 ? [] : [`${word}: ${titles(checks)}.`],
  );
  const words = news.length === 0 ? "Nothing has changed." : news.join(" ");
  return `Checked again${at === null ? "" : ` at ${at}`}. ${words}`;
}

/** What to do about a check that failed. */
export function remedyLine(remedy: string): string {
  return `Fix: ${remedy}`;
}

/** What the checks came to, above the list of them. @param assistant what can't run, where it is known */
export function failedChecksText(
  { blocking, checks }: FailedChecks,
  assistant: string | null,
): string {
  const fixed = checks.length === 1 ? "this is fixed" : "these are fixed";
  const text = blocking
    ? `{assistant} can't run until ${fixed}:`
    : "{assistant} can run here, but this needs attention:";
  return withName(text, assistant);
}

/** What to do about it. */
export function remediationText({ otherPort }: FailedChecks): string {
  const port = otherPort === undefined ? "" : `, or press p to use port ${otherPort} instead`;
  return `Fix this in another terminal, then press r${port}. Nothing has been changed.`;
}

/** The keys of the page. */
export function remedyKeys({ blocking, otherPort }: FailedChecks): string[] {
  return [
    "r: check again",
    ...(otherPort === undefined ? [] : [`p: use port ${otherPort}`]),
    ...(blocking ? [] : ["Enter: continue"]),
    "l: all checks",
    "q: quit",
  ];
}
