import { useInput } from "ink";
import { type ReactNode, useState } from "react";
import type { FailedChecks, Remediation } from "../../plan/interview.ts";
import type { CheckFinished } from "../../run/events/machine.ts";
import type { RunState } from "../../run/state/state.ts";
import { cleanText } from "../clean-text.ts";
import { wrapText } from "../text-width.ts";
import { stageNames } from "../messages/run.ts";
import { failedChecksText, remediationText, remedyKeys, remedyLine } from "../messages/machine.ts";
import { BackgroundPage, ChoicePage } from "./choice-page.tsx";
import { Frame } from "./frame.tsx";
import { stepsHeader } from "./header.ts";
import { type Press, readKeys } from "./keys.ts";
import { blank, footLine, frameColumns, frameRows, type Line, type Size, span } from "./line.ts";
import type { DialogRequest, RemedyRequest, Snapshot } from "./screen-store.ts";
import { checkRows } from "./log-rows.ts";
import type { Theme } from "./theme.ts";
import { boundedScroll } from "./wizard/summary-page.ts";
import { Wizard } from "./wizard/wizard.tsx";

interface DialogProps<Request> {
  readonly request: Request;
  readonly snapshot: Snapshot;
  readonly size: Size;
  readonly theme: Theme;
  /** The page with what stands above it. */
  compose(lines: readonly Line[]): readonly Line[];
}

/** The page on which a person is asked something: the machine's troubles, or the questions. */
export function Dialogs({ request, ...rest }: DialogProps<DialogRequest>): ReactNode {
  switch (request.kind) {
    case "remedy":
      return <FailedChecksPage request={request} {...rest} />;
    case "meet":
      return <BackgroundPage {...request} {...rest} />;
    case "choose":
      return <ChoicePage {...request} {...rest} />;
    case "questions":
      return <Wizard request={request} {...rest} />;
  }
}

function FailedChecksPage({
  request: { failed, since, finish },
  snapshot: { state },
  size,
  theme,
}: Omit<DialogProps<RemedyRequest>, "compose">): ReactNode {
  const [from, setFrom] = useState(0);
  // How far the list of all checks is scrolled; null where it is not shown.
  const [all, setAll] = useState<number | null>(null);
  const [isHelped, setHelped] = useState(false);
  useInput((input, key) => {
    let shown = all;
    let helped = isHelped;
    for (const press of readKeys(input, key)) {
      if (helped || (shown === null && isLetter(press, "?"))) {
        helped = !helped;
        continue;
      }
      if (shown !== null || isLetter(press, "l")) {
        shown = movedOnChecks(shown, press);
        continue;
      }
      setFrom((before) => movedOnMachine(failed, before, press));
      const remediation = pressedOnMachine(failed, press);
      if (remediation !== null) return finish(remediation);
    }
    setAll(shown);
    setHelped(helped);
  });
  const view = { failed, since, from, state, size, theme };
  const lines = isHelped
    ? machineHelpPage(view)
    : all === null
      ? machinePage(view)
      : allChecksPage({ scroll: all, state, size, theme });
  // What failed stands on this page; the lines above would say it once more.
  return <Frame lines={lines} size={size} theme={theme} />;
}

/** How far the list of all checks is scrolled after a key; null closes it. */
export function movedOnChecks(scroll: number | null, press: Press): number | null {
  if (scroll === null) return 0;
  if (press.kind === "down" || isLetter(press, "j")) return scroll + 1;
  return press.kind === "up" || isLetter(press, "k") ? Math.max(0, scroll - 1) : null;
}

function isLetter(press: Press, letter: string): boolean {
  return press.kind === "text" && press.text.toLowerCase() === letter;
}

/** All checks, those that passed among them. */
function allChecksPage({
  scroll,
  state,
  size,
  theme,
}: Pick<MachineView, "state" | "size" | "theme"> & { readonly scroll: number }): Line[] {
  const lines = checkRows(state, frameColumns(size), theme);
  const room = Math.max(1, frameRows(size) - 2);
  const from = boundedScroll(scroll, lines.length, room);
  const more = lines.length > room ? `${theme.symbols.up} ${theme.symbols.down}: scroll` : "";
  return [
    machineHeader({ state, size, theme }),
    ...lines.slice(from, from + room),
    footLine([more, "l: close"], size),
  ];
}

/** What the page of failed checks is, and its keys. */
export function machineHelpPage(
  view: Pick<MachineView, "failed" | "state" | "size" | "theme">,
): Line[] {
  const { size, failed } = view;
  const onward = failed.blocking ? "" : "Enter continues without a fix; ";
  const port = failed.otherPort === undefined ? "" : `p takes port ${failed.otherPort}; `;
  const paragraphs = [
    "heros checked this machine and found what is listed here, the most serious first. Each fix is for another terminal. Nothing has been changed.",
    `Keys: r checks again; ${port}${onward}up and down, or j and k, scroll; l shows all checks; q or Esc quits.`,
  ];
  const lines = paragraphs.flatMap((text) => wrapText(text, frameColumns(size)));
  return [
    machineHeader(view),
    ...lines.slice(0, Math.max(1, frameRows(size) - 2)).map((text): Line => [span(text)]),
    footLine(["Esc: close"], size),
  ];
}

function machineHeader(view: Pick<MachineView, "state" | "size" | "theme">): Line {
  return stepsHeader(view, { at: stageNames.machine, short: "" });
}

interface MachineView {
  readonly failed: FailedChecks;
  /** When it was checked again, and what is different since. */
  readonly since: string | null;
  /** The first check that is shown. */
  readonly from: number;
  readonly state: RunState;
  readonly size: Size;
  readonly theme: Theme;
}

/** What is wrong with the machine, each with its fix; the worst first, as many as have room. */
export function machinePage(view: MachineView): Line[] {
  const { failed, since, from, state, size, theme } = view;
  const columns = frameColumns(size);
  const rows = frameRows(size);
  const blocks = failed.checks.slice(from).map((check) => checkBlock(check, view));
  const least = (blocks[0]?.length ?? 0) + (blocks.length > 1 ? 2 : 1);
  const heading = cleanText(failedChecksText(failed, state.stack?.assistant ?? null));
  const title = wrapText(heading, columns).map((text): Line => [span(text, "strong")]);
  const header = [machineHeader({ state, size, theme })];
  const news = wrapText(cleanText(since ?? ""), columns).flatMap((text): Line[] =>
    text === "" ? [] : [[span(text, "accent")]],
  );
  let taken = least;
  const take = (lines: readonly Line[]): readonly Line[] => {
    if (taken + lines.length > rows) return [];
    taken += lines.length;
    return lines;
  };
  // After another look the first thing to know is whether it helped.
  const [newsRows, headerRows, titleRows] = [take(news), take(header), take(title)];
  const head = [...(headerRows ?? []), ...(newsRows ?? []), ...(titleRows ?? [])];
  const keys = remedyKeys(failed);
  const foot: Line[] = [footLine([...keys.slice(0, -1), "q or Esc: quit", "?: help"], size, keys)];
  const advice = wrapText(remediationText(failed), columns).map((text): Line => [span(text)]);
  let room = rows - head.length - foot.length;
  const shown: Line[] = [];
  for (const [index, block] of blocks.entries()) {
    const rest = blocks.length - index - 1;
    // The first is cut rather than left out: without it nobody knows what to do.
    const fits = index === 0 ? block.slice(0, room) : block;
    if (fits.length + (rest > 0 ? 1 : 0) > room && index > 0) {
      const { up, down } = theme.symbols;
      shown.push([span(`+${rest + 1} more (${up} ${down})`, "quiet")]);
      room -= 1;
      break;
    }
    shown.push(...fits);
    room -= fits.length;
  }
  const withAdvice = room >= advice.length ? advice : [];
  const gap = room >= withAdvice.length + 2 ? [blank] : [];
  return [...head, ...gap, ...shown, ...gap, ...withAdvice, ...foot];
}

function checkBlock({ title, found, status, remedy }: CheckFinished, view: MachineView): Line[] {
  const { theme, size } = view;
  const sign = theme.symbols[status];
  const indent = " ".repeat(sign.length + 1);
  const width = frameColumns(size) - indent.length;
  const said = wrapText(cleanText(found === "" ? title : `${title}: ${found}`), width);
  const remedyRows = remedy === undefined ? [] : wrapText(cleanText(remedyLine(remedy)), width);
  return [
    ...said.map((text, index): Line => [
      index === 0 ? span(`${sign} `, status === "failed" ? "bad" : "warning") : span(indent),
      span(text),
    ]),
    ...remedyRows.map((text): Line => [span(indent), span(text, "accent")]),
  ];
}

/** The first check that is shown after a key. */
export function movedOnMachine({ checks }: FailedChecks, from: number, press: Press): number {
  const letter = press.kind === "text" ? press.text : "";
  if (press.kind === "down" || letter === "j") return Math.min(checks.length - 1, from + 1);
  return press.kind === "up" || letter === "k" ? Math.max(0, from - 1) : from;
}

/** What a key on this page means; null: nothing. */
export function pressedOnMachine(
  { blocking, otherPort }: FailedChecks,
  press: Press,
): Remediation | null {
  if (press.kind === "escape") return "stop";
  if (press.kind === "enter") return blocking ? null : "onward";
  if (press.kind !== "text") return null;
  const letter = press.text.toLowerCase();
  if (letter === "q") return "stop";
  if (letter === "p" && otherPort !== undefined) return "port";
  return letter === "r" ? "again" : null;
}
