import { useInput } from "ink";
import { type ReactNode, useState } from "react";
import type { Choice } from "../../plan/interview.ts";
import {
  type BackgroundChoice,
  type BackgroundProcess,
  runningText,
} from "../../run/run-control.ts";
import { runningChoices } from "../messages/run.ts";
import { cleanText } from "../clean-text.ts";
import { wrapText } from "../text-width.ts";
import { Frame } from "./frame.tsx";
import { headerLine } from "./header.ts";
import { type Press, readKeys } from "./keys.ts";
import { blank, footLine, frameColumns, frameRows, type Line, type Size, span } from "./line.ts";
import type { Snapshot } from "./screen-store.ts";
import type { Theme } from "./theme.ts";

interface PageProps {
  readonly snapshot: Snapshot;
  readonly size: Size;
  readonly theme: Theme;
}

/** Asks what is to become of a run that was found in the background. */
export function BackgroundPage({
  run,
  finish,
  ...page
}: PageProps & {
  readonly run: BackgroundProcess;
  finish(choice: BackgroundChoice): void;
}): ReactNode {
  const finishWith = (value: string | null) =>
    finish(runningChoices.find(({ choice }) => choice === value)?.choice ?? "quit");
  return (
    <Choices choice={backgroundChoice(run)} quits={leavesRunning} finish={finishWith} {...page} />
  );
}

/** Asks for one of several things. */
export function ChoicePage({
  choice,
  finish,
  ...page
}: PageProps & { readonly choice: Choice; finish(value: string | null): void }): ReactNode {
  return <Choices choice={choice} quits="q or Esc: quit" finish={finish} {...page} />;
}

const leavesRunning = "q or Esc: leave it running";

function backgroundChoice(run: BackgroundProcess): Choice {
  return {
    question: runningText(run),
    options: runningChoices.map(({ choice: value, label, detail }) => ({ value, label, detail })),
  };
}

function Choices({
  choice,
  quits,
  finish,
  snapshot: { state },
  size,
  theme,
}: PageProps & {
  readonly choice: Choice;
  readonly quits: string;
  finish(value: string | null): void;
}): ReactNode {
  const [index, setIndex] = useState(0);
  useInput((input, key) => {
    let at = index;
    for (const press of readKeys(input, key)) {
      const pressed = pressedOnChoices(choice, at, press);
      if (typeof pressed !== "number") return finish(pressed);
      at = pressed;
    }
    setIndex(at);
  });
  const lines = choiceLines(choice, { index, quits, size, theme });
  return <Frame lines={[headerLine({ state, size, theme }), ...lines]} size={size} theme={theme} />;
}

/** Where the pointer is after a key, or what was chosen; null: to stop. */
export function pressedOnChoices(
  { options }: Choice,
  index: number,
  press: Press,
): number | string | null {
  const last = options.length - 1;
  if (press.kind === "enter") return options[index]?.value ?? null;
  if (press.kind === "escape") return null;
  if (press.kind === "up") return Math.max(0, index - 1);
  if (press.kind === "down") return Math.min(last, index + 1);
  if (press.kind !== "text") return index;
  const letter = press.text.toLowerCase();
  if (letter === "q") return null;
  if (letter === "k") return Math.max(0, index - 1);
  if (letter === "j") return Math.min(last, index + 1);
  return options[Number(letter) - 1]?.value ?? index;
}

/** Where the pointer is after a key, or what is to become of a run in the background. */
export function pressedOnBackground(index: number, press: Press): number | BackgroundChoice {
  const options = runningChoices.map(({ choice: value, label, detail }) => ({
    value,
    label,
    detail,
  }));
  const pressed = pressedOnChoices({ question: "", options }, index, press);
  if (typeof pressed === "number") return pressed;
  return runningChoices.find(({ choice }) => choice === pressed)?.choice ?? "quit";
}

/** What was found in the background, and what can become of it. */
export function backgroundLines(
  run: BackgroundProcess,
  view: { readonly index: number; readonly size: Size; readonly theme: Theme },
): Line[] {
  return choiceLines(backgroundChoice(run), { ...view, quits: leavesRunning });
}

/** The question and what can be chosen; where rows are few the choices alone. */
function choiceLines(
  { question, options }: Choice,
  {
    index,
    quits,
    size,
    theme,
  }: {
    readonly index: number;
    readonly quits: string;
    readonly size: Size;
    readonly theme: Theme;
  },
): Line[] {
  const columns = frameColumns(size);
  const { pointer } = theme.symbols;
  const title = wrapText(cleanText(question), columns).map((text): Line => [span(text, "strong")]);
  const choices = options.map(({ label, detail }, place): Line[] => {
    const under = place === index;
    const first = [
      span(under ? `${pointer} ` : "  ", "accent"),
      span(`${place + 1}. `, "quiet"),
      span(cleanText(label), under ? "strong" : "plain"),
    ];
    return [
      first,
      ...wrapText(cleanText(detail), columns - 5).map((text): Line => [
        span(`     ${text}`, "quiet"),
      ]),
    ];
  });
  const { up, down } = theme.symbols;
  const short = [`${up} ${down}: move`, "Enter: choose"];
  const keys = footLine(
    [...short.slice(0, 1), `Enter or 1-${options.length}: choose`, quits],
    size,
    short,
  );
  const room = frameRows(size) - title.length - 2;
  const whole = choices.flat();
  const shown = whole.length <= room ? whole : choices.flatMap((rows) => rows.slice(0, 1));
  const gap = shown.length + 3 <= room ? [blank] : [];
  return [...gap, ...title, ...gap, ...shown, ...gap, keys];
}
