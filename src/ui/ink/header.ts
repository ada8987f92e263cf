import { withName } from "../../run/assistant.ts";
import { cleanText } from "../clean-text.ts";
import type { RunState, StageState } from "../../run/state/state.ts";
import { formatDuration } from "../../run/units.ts";
import { stageName, stageNames } from "../messages/run.ts";
import type { RunKeys } from "../writer.ts";
import { frameColumns, type Line, lineWidth, type Size, span, type Span, spread } from "./line.ts";
import type { Role, Theme } from "./theme.ts";
import type { WizardState } from "./wizard/wizard-state.ts";

const titles: Readonly<Record<string, string>> = {
  setup: "Setting up {assistant}",
  pull: "Downloading models",
  doctor: "Checking this machine",
  "models verify": "Verifying models",
  "models repair": "Repairing models",
  "models update": "Updating models",
  "models push": "Sending models",
  "models prune": "Finding unused files",
  push: "Setting up another machine",
  upgrade: "Upgrading heros",
  uninstall: "Removing heros",
};

/** What runs, as a person calls it. */
export function runTitle(state: Pick<RunState, "run" | "stack">): string {
  const { run } = state;
  const title = run === null ? "heros" : (titles[run.command] ?? `heros ${run.command}`);
  return cleanText(withName(title, state.stack?.assistant ?? null));
}

type HeaderView = Pick<LiveView, "state" | "size" | "theme"> & {
  readonly keys?: RunKeys;
  /** The time, or the place among the questions. */
  readonly right?: string;
};

/** The first row of every screen: what runs, whether it is a demo or a record, how long. */
export function headerLine({ state, size, theme, keys, right = "" }: HeaderView): Line {
  const marks = [
    ...(state.run?.demo === true ? [span("DEMO", "demo")] : []),
    ...(keys?.replay === true ? [span("REPLAY", "demo")] : []),
    ...(right === "" ? [] : [span(right, "quiet")]),
  ];
  const end = marks.flatMap((mark, index) => (index === 0 ? [mark] : [span("  "), mark]));
  return spread([span(runTitle(state), "strong")], end, frameColumns(size), theme);
}

/** "1 min 12 s", since the person said yes or, where nobody was asked, since the start. */
export function elapsedText({ state, elapsedMs }: Pick<LiveView, "state" | "elapsedMs">): string {
  return formatDuration(Math.floor(Math.max(0, elapsedMs - state.countedFromMs) / 1000));
}

/** The stages side by side, each with its sign; nothing where there is one alone. */
export function stageLines(view: LiveView): Line[] {
  if (view.state.stages.length < 2) return [];
  const columns = frameColumns(view.size);
  const rows = [stageSpans(view, false), stageSpans(view, true)];
  const fits = rows.find((row) => lineWidth(row) <= columns);
  return [fits ?? stageSigns(view)];
}

/** The signs, and the names of those that run: on a screen that has no room for all. */
function stageSigns(view: LiveView): Line {
  const running = view.state.stages.filter(({ state }) => state === "running");
  return [
    ...view.state.stages.map((stage) => stageSign(stage, view, true)),
    ...running.map(({ stage }) => span(` ${stageName(stage, view.state)}`)),
  ];
}

function stageSpans(view: LiveView, short: boolean): Line {
  return view.state.stages.flatMap((stage, index) => [
    ...(index === 0 ? [] : [span(short ? " " : "  ")]),
    stageSign(stage, view, short),
    span(
      `${short ? "" : " "}${stageName(stage.stage, view.state)}`,
      stage.state === "waiting" ? "quiet" : "plain",
    ),
  ]);
}

const signNames = { done: "ok", failed: "failed", skipped: "skipped", waiting: "waiting" } as const;
const signRoles: Readonly<Record<StageState["state"], Role>> = {
  done: "good",
  failed: "bad",
  skipped: "quiet",
  waiting: "quiet",
  running: "accent",
};

function stageSign(stage: StageState, view: LiveView, short: boolean): Line[number] {
  const { symbols } = view.theme;
  const role = signRoles[stage.state];
  if (stage.state === "running") {
    return span(short ? spinner(view) : spinnerSign(view), role);
  }
  const name = signNames[stage.state];
  return span(short ? symbols.short[name] : symbols[name], role);
}

export function spinner({ tick, theme }: { readonly tick: number; readonly theme: Theme }): string {
  const { spinner: steps } = theme.symbols;
  return steps[tick % steps.length] ?? "";
}

/** A spinner that turns by itself, for pages on which nothing else moves. */
export function waitSpan(view: { readonly tick: number; readonly theme: Theme }): Span {
  return { ...span(spinner(view), "accent"), widget: "wait" };
}

/** The spinner in brackets, as wide as the other symbols. */
export function spinnerSign(view: { readonly tick: number; readonly theme: Theme }): string {
  const inner = view.theme.symbols.ok.length - 2;
  return `[${spinner(view).padStart(inner)}]`;
}

/** All that the live screen is made from. */
export interface LiveView {
  readonly state: RunState;
  readonly elapsedMs: number;
  readonly tick: number;
  readonly size: Size;
  readonly theme: Theme;
  /** Those that mean something now. */
  readonly keys: RunKeys;
}

/** All that a page of the wizard is made from. */
export interface WizardView {
  readonly wizard: WizardState;
  readonly state: RunState;
  readonly tick: number;
  readonly size: Size;
  readonly theme: Theme;
}

/** The first row of the wizard's pages: the steps until the stack is online, at which question this is, whether it is a demo. */
export function wizardHeader(view: WizardView): Line {
  const { index, questions, page } = view.wizard;
  const place = `${index + 1} of ${questions.length}`;
  if (page === "summary") return stepsHeader(view, { at: "Review", short: "Review" });
  if (page === "earlier") return stepsHeader(view, { at: "Questions", short: "" });
  return stepsHeader(view, { at: "Questions", words: `Question ${place}`, short: place });
}

const askedSteps = [stageNames.machine, "Questions", "Review"];

/** The steps with the one that is reached; where columns are few, without the title, or that step alone. */
export function stepsHeader(
  { state, size, theme }: Pick<WizardView, "state" | "size" | "theme">,
  now: {
    readonly at: string;
    /** What it is called while it is the one. */
    readonly words?: string;
    /** The same where columns are few. */
    readonly short: string;
  },
): Line {
  const { symbols } = theme;
  const { run } = state;
  const columns = frameColumns(size);
  const reached = askedSteps.indexOf(now.at);
  const later = (["download", "annie"] as const).filter((stage) => run?.stages.includes(stage));
  const steps = [...askedSteps, ...later.map((stage) => stageName(stage, state))].flatMap(
    (name, index) => [
      ...(index === 0 ? [] : [span(` ${symbols.pointer} `, "quiet")]),
      ...(index < reached ? [span(`${symbols.short.ok} `, "good")] : []),
      index === reached
        ? span(now.words ?? name, "accent")
        : span(name, index < reached ? "plain" : "quiet"),
    ],
  );
  const demo = run?.demo === true ? [span("DEMO", "demo")] : [];
  const end = demo.length === 0 ? 0 : lineWidth(demo) + 2;
  const titled = [span(runTitle(state), "strong"), span("   "), ...steps];
  const shown = [titled, steps].find((row) => lineWidth(row) + end <= columns);
  if (shown === undefined) return headerLine({ state, size, theme, right: now.short });
  return demo.length === 0 ? shown : spread(shown, demo, columns, theme);
}
