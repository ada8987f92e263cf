import { assistantOf } from "../../run/assistant.ts";
import type { BackgroundChoice } from "../../run/run-control.ts";
import type { HerosEvent } from "../../run/event.ts";
import type {
  HubWaiting,
  Notice,
  RegistryWaiting,
  RunCancelled,
  RunFailed,
  RunStarted,
  RunSucceeded,
  Stage,
} from "../../run/events/run.ts";
import type { HubWait, RunState } from "../../run/state/state.ts";
import { formatDuration } from "../../run/units.ts";
import { factLine, say, type Sentence, tookText } from "./sentence.ts";

/** What users call the stages. */
export const stageNames: Readonly<Record<Stage, string>> = {
  machine: "Machine",
  plan: "Plan",
  stack: "Stack",
  download: "Models",
  annie: "Online",
};

/** What each stage does. */
const stageBeginnings: Readonly<Record<Stage, string>> = {
  machine: "Checking this machine.",
  plan: "Planning the setup.",
  stack: "Preparing the containers.",
  download: "Downloading the models.",
  annie: "Waiting for {assistant} to come online.",
};

/** The same with the images, where some come. */
export function stageBeginning(
  stage: Stage,
  { images }: { readonly images: readonly unknown[] },
): string {
  return stage === "download" && images.length > 0
    ? "Downloading the models and images."
    : stageBeginnings[stage];
}

/** What a stage is called in this run. */
export function stageName(
  stage: Stage,
  { images, stack }: Pick<RunState, "images" | "stack">,
): string {
  if (stage === "download" && images.length > 0) return "Downloads";
  return stage === "annie" ? assistantOf({ stack }) : stageNames[stage];
}

const commandWords: Readonly<Record<string, string>> = {
  setup: "setting up this machine",
  pull: "downloading models",
  doctor: "checking this machine",
  status: "checking what is online",
  report: "collecting what a bug report needs",
  up: "starting the stack's containers",
  down: "stopping the stack's containers",
  restart: "restarting the stack's containers",
  open: "looking for the stack's page",
  "models ls": "listing the models",
  "models verify": "verifying the cached models",
  "models repair": "repairing the cached models",
  "models prune": "looking for unused files",
  "models rm": "removing models",
  "models update": "updating models",
  "models push": "sending models to an object store",
  "release install": "installing this version",
  push: "setting up another machine",
  upgrade: "looking for a newer version",
  "upgrade --rollback": "going back to the version before",
  uninstall: "removing heros",
};

/** The sentence that every screen of a demo has beside its "DEMO". */
export const demoText =
  "DEMO: the machine, the Hub and the stack are simulated. Only the demo's own folder is changed.";

type RunSaid =
  | RunStarted
  | RunSucceeded
  | RunFailed
  | RunCancelled
  | Notice
  | HubWaiting
  | RegistryWaiting
  | Extract<HerosEvent, { stage: Stage }>;

export function runSentence(event: RunSaid, state: RunState): Sentence {
  switch (event.type) {
    case "run.started": {
      const doing = commandWords[event.command] ?? event.command;
      return say(`heros ${event.herosVersion}: ${doing}.`, { more: event.demo ? [demoText] : [] });
    }
    case "stage.started":
      return say(stageBeginning(event.stage, state));
    case "stage.finished":
      return stageEnd(stageName(event.stage, state), event.outcome);
    case "notice":
      return say(event.message, {
        tone: event.level === "warning" ? "warning" : "info",
        mark: event.level === "warning" ? "warning" : null,
        more: event.hint === undefined ? [] : [event.hint],
      });
    case "hub.waiting":
    case "registry.waiting": {
      const left = formatDuration(event.leftMs / 1000);
      const registry = event.type === "hub.waiting" ? null : event.registry;
      return say(`${hubWaitText({ ...event, registry })} Retrying for another ${left}.`, {
        tone: "warning",
        mark: "warning",
        from: state.hubWait?.news === false ? "verbose" : "normal",
      });
    }
    case "run.succeeded":
      return endSentence(event, state);
    case "run.failed":
      return failureSentence(event, state);
    case "run.cancelled":
      return say(event.background === undefined ? "Stopped." : backgroundText(event.background), {
        tone: "warning",
        from: "quiet",
        more: [
          ...(event.background === undefined ? keptRunning(state) : []),
          ...hintLines(event.hint),
        ],
      });
  }
}

export function hubWaitText({ registry, reason }: Pick<HubWait, "registry" | "reason">): string {
  return `Waiting for ${registry ?? "the Hub"}: ${reason}.`;
}

/** A setup ends with the stack, and the time it took from yes; what it can do and what to type stand in a column. */
function endSentence(event: RunSucceeded, { health, countedFromMs }: RunState): Sentence {
  const { elapsedMs, background, command } = event;
  const page = { tone: "good", from: "quiet", more: event.summary.map(factLine) } as const;
  if (background !== undefined) return say(backgroundText(background), page);
  return command === "setup" && health.online !== null
    ? say("{assistant} is online", {
        ...page,
        mark: "ok",
        aside: tookText(health.online.elapsedMs),
      })
    : say(`Done in ${tookText(elapsedMs - countedFromMs)}.`, page);
}

function backgroundText({ pid }: { readonly pid: number }): string {
  return `heros continues in the background (PID ${pid}).`;
}

function failureSentence(event: RunFailed, state: RunState): Sentence {
  const [first = "", ...rest] = event.message.split("\n");
  // A container's last lines were told when it failed: once is enough.
  const told = Object.values(state.failedContainers).flatMap(({ logLines }) => logLines);
  const isNew = rest.some((line) => !told.includes(line));
  const code = `Error code ${event.code}, exit status ${event.exitCode}.`;
  if (state.status !== null && event.code.startsWith("annie.")) {
    // How it is was told with what it has: what is left is what to do.
    const [advice, ...more] = [...hintLines(event.hint), code];
    return say(advice, { tone: "bad", from: "quiet", more });
  }
  return say(isNew ? first : first.replace(/\s+[^.]*:$/, ""), {
    tone: "bad",
    from: "quiet",
    mark: "failed",
    more: [
      ...(isNew ? rest : []),
      ...hintLines(event.hint),
      code,
      ...(event.stack === undefined ? [] : event.stack.split("\n")),
    ],
  });
}

function stageEnd(name: string, outcome: "done" | "skipped" | "failed"): Sentence {
  switch (outcome) {
    case "done":
      return say(`${name}: done.`, { tone: "good", mark: "ok", from: "verbose" });
    case "skipped":
      return say(`${name}: nothing to do.`, { from: "verbose" });
    case "failed":
      return say(`${name}: failed.`, { tone: "bad", mark: "failed", from: "verbose" });
  }
}

function hintLines(hint: string): string[] {
  return hint === "" ? [] : hint.split("\n");
}

/** What is left of a run that is stopped now. */
export function stopText(state: Pick<RunState, "run" | "notices" | "health">): string {
  const { run, notices } = state;
  if (run === null || run.demo) {
    const kept = notices.find(({ code }) => code === "demo.kept");
    return kept === undefined
      ? "The demo ends and leaves nothing behind."
      : `The demo ends. ${kept.message}`;
  }
  if (!run.stages.includes("download")) return "heros stops; nothing is left half done.";
  const kept = `Everything downloaded is kept; run heros ${run.command} again to continue.`;
  return [...keptRunning(state), kept].join(" ");
}

/** That what stops is heros alone, once it is online. */
function keptRunning({ run, health }: Pick<RunState, "run" | "health">): string[] {
  return health.online === null || run?.demo === true ? [] : ["What is online keeps running."];
}

/** The same while the questions are asked, when nothing has begun. */
export function stopAskingText(state: Pick<RunState, "run" | "notices" | "health">): string {
  return state.run?.demo === true
    ? stopText(state)
    : "Nothing has been changed. Your answers are saved for next time.";
}

/** What can become of it; the first is meant where nothing is chosen. */
export const runningChoices: readonly {
  readonly choice: BackgroundChoice;
  readonly label: string;
  readonly detail: string;
}[] = [
  { choice: "watch", label: "Watch it", detail: "Until it ends, or you detach with q." },
  { choice: "stop", label: "Stop it and continue here", detail: "Everything downloaded is kept." },
  { choice: "quit", label: "Leave it running", detail: "It continues in the background." },
];
