import type { RunState, StageState } from "../../run/state.ts";
import { formatDuration } from "../../run/units.ts";
import { stageNames } from "../messages/run.ts";
import type { RunKeys } from "../writer.ts";
import { frameColumns, type Line, lineWidth, type Size, span, type Span, spread } from "./line.ts";
import type { Role, Theme } from "./theme.ts";
import type { WizardState } from "./wizard/wizard-state.ts";

const titles: Readonly<Record<string, string>> = {
  setup: "Setting up Annie",
  pull: "Downloading models",
  doctor: "Checking this machine",
};

/** What runs, as a person calls it. */
export function runTitle({ run }: Pick<RunState, "run">): string {
  return run === null ? "heros" : (titles[run.command] ?? `heros ${run.command}`);
}

type HeaderView = Pick<LiveView, "state" | "size" | "theme"> & {
  /** The time, or the place among the questions. */
  readonly right?: string;
};

/** The first row of every screen: what runs, whether it is a demo, how long. */
export function headerLine({ state, size, theme, right = "" }: HeaderView): Line {
  const { run } = state;
  const title = runTitle(state);
  const demo = run?.demo === true ? [span("DEMO", "demo")] : [];
  const gap = demo.length > 0 && right !== "" ? [span("  ")] : [];
  const end = [...demo, ...gap, span(right, "quiet")];
  return spread([span(title, "strong")], end, frameColumns(size), theme);
}

/** "1 min 12 s", since the person said yes or, where nobody was asked, since the start. */
export function elapsedText({ state, elapsedMs }: Pick<LiveView, "state" | "elapsedMs">): string {
  return formatDuration(Math.floor(Math.max(0, elapsedMs - state.countedFromMs) / 1000));
}

/** The stages side by side, each with its sign; nothing where there is one alone. */
export function stageLines(view: LiveView): Line[] {
  if (view.state.stages.length < 2) return [];
  const long = stageSpans(view, false);
  return [lineWidth(long) <= frameColumns(view.size) ? long : stageSpans(view, true)];
}

function stageSpans(view: LiveView, short: boolean): Line {
  return view.state.stages.flatMap((stage, index) => [
    ...(index === 0 ? [] : [span(short ? " " : "  ")]),
    stageSign(stage, view, short),
    span(
      `${short ? "" : " "}${stageNames[stage.stage]}`,
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

/** The first row of the wizard's pages: what this is, and at which question. */
export function wizardHeader(view: WizardView): Line {
  const { index, questions } = view.wizard;
  const { state, size, theme } = view;
  if (index >= questions.length) return headerLine({ state, size, theme });
  const short = frameColumns(size) < 60;
  const place = `${short ? "" : "Question "}${index + 1} of ${questions.length}`;
  return headerLine({ state, size, theme, right: place });
}
