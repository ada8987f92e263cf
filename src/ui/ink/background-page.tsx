import { useInput } from "ink";
import { useState, type ReactNode } from "react";
import { wrapText } from "../text-width.ts";
import { runningChoices } from "../messages/background.ts";
import {
  type BackgroundChoice,
  type BackgroundProcess,
  runningText,
} from "../../run/background.ts";
import { frameColumns, frameRows } from "./frame-size.ts";
import { Frame } from "./frame.tsx";
import { blank, span, type Line, type Size } from "./line.ts";
import { headerLine } from "./live/header.ts";
import type { Snapshot } from "./store.ts";
import type { Theme } from "./theme.ts";
import { readKeys, type Press } from "./wizard/keys.ts";

/** Asks what is to become of a run that was found in the background. */
export function MeetingPage({
  run,
  finish,
  snapshot: { state },
  size,
  theme,
}: {
  readonly run: BackgroundProcess;
  finish(meeting: BackgroundChoice): void;
  readonly snapshot: Snapshot;
  readonly size: Size;
  readonly theme: Theme;
}): ReactNode {
  const [index, setIndex] = useState(0);
  useInput((input, key) => {
    let at = index;
    for (const press of readKeys(input, key)) {
      const pressed = pressedOnMeeting(at, press);
      if (typeof pressed === "string") return finish(pressed);
      at = pressed;
    }
    setIndex(at);
  });
  const lines = [headerLine({ state, size, theme }), ...meetingLines(run, { index, size, theme })];
  return <Frame lines={lines} size={size} theme={theme} />;
}

/** Where the pointer is after a key, or what was chosen. */
export function pressedOnMeeting(index: number, press: Press): number | BackgroundChoice {
  const last = runningChoices.length - 1;
  if (press.kind === "enter") return runningChoices[index]?.meeting ?? "quit";
  if (press.kind === "escape") return "quit";
  if (press.kind === "up") return Math.max(0, index - 1);
  if (press.kind === "down") return Math.min(last, index + 1);
  if (press.kind !== "text") return index;
  const letter = press.text.toLowerCase();
  if (letter === "q") return "quit";
  if (letter === "k") return Math.max(0, index - 1);
  if (letter === "j") return Math.min(last, index + 1);
  return runningChoices[Number(letter) - 1]?.meeting ?? index;
}

/** What was found and what can become of it; where rows are few the choices alone. */
export function meetingLines(
  run: BackgroundProcess,
  { index, size, theme }: { readonly index: number; readonly size: Size; readonly theme: Theme },
): Line[] {
  const columns = frameColumns(size);
  const { pointer } = theme.signs;
  const title = wrapText(runningText(run), columns).map((text): Line => [span(text, "strong")]);
  const choices = runningChoices.map(({ label, detail }, place): Line[] => {
    const under = place === index;
    const first = [
      span(under ? `${pointer} ` : "  ", "accent"),
      span(`${place + 1}. `, "quiet"),
      span(label, under ? "strong" : "plain"),
    ];
    return [
      first,
      ...wrapText(detail, columns - 5).map((text): Line => [span(`     ${text}`, "quiet")]),
    ];
  });
  const keys: Line = [span(`${theme.signs.up} ${theme.signs.down}: move   Enter: choose`, "quiet")];
  const room = frameRows(size) - title.length - 2;
  const whole = choices.flat();
  const shown = whole.length <= room ? whole : choices.flatMap((rows) => rows.slice(0, 1));
  const gap = shown.length + 3 <= room ? [blank] : [];
  return [...gap, ...title, ...gap, ...shown, ...gap, keys];
}
