import { askAnew, settlesAll, takeEarlier } from "../../../plan/steps.ts";
import { wrapText } from "../../text-width.ts";
import { answerLines, changeText, earlierAnswers, earlierTitle } from "../../messages/plan.ts";
import { cleanText } from "../../clean-text.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { footText } from "../foot.ts";
import { blank, span, type Line } from "../line.ts";
import { headerLine, waitSpan } from "../live/header.ts";
import type { Press } from "./keys.ts";
import type { WizardView } from "./view.ts";
import { showStep, type WizardState } from "./wizard-state.ts";

/** The first page where an earlier run left answers: what they are, what they would change now, and whether to go on with them. */
export function resumePage(view: WizardView): Line[] {
  const { questions, planning, answers } = view.wizard;
  const columns = frameColumns(view.size);
  const given = answerLines(questions, planning, answers).map(cleanText);
  const whole = given.flatMap((line) =>
    wrapText(line, columns - 4).map((row, index): Line => [
      span(index === 0 ? "  " : "    "),
      span(row),
    ]),
  );
  const title = wrapText(earlierTitle(planning.earlier), columns).map((text): Line => [
    span(text, "strong"),
  ]);
  const changes = changeRows(view, columns);
  const yes = settlesAll(view.wizard) ? "show the plan" : "continue";
  const keys = [`y: ${yes}`, "n: start over", "q: stop"];
  const gap = "   ";
  const foot: Line = [
    { ...span("Y/n", "strong"), widget: "confirm" },
    span(
      `${gap}${footText(keys, columns - "Y/n".length - gap.length, ["y: yes", "n: start over", "q: stop"])}`,
      "quiet",
    ),
  ];
  let room = frameRows(view.size) - title.length - changes.length - 2;
  const take = (lines: readonly Line[]): readonly Line[] => {
    if (lines.length > room) return [];
    room -= lines.length;
    return lines;
  };
  const cut = given.map((line): Line => [span("  "), span(line)]);
  const shown = whole.length <= room ? whole : cut.slice(0, room);
  room -= shown.length;
  const why = take([[span(earlierAnswers, "quiet")]]);
  const gaps = [take([blank]), take([blank]), take([blank])];
  return [
    headerLine(view),
    ...title,
    ...(gaps[1] ?? []),
    ...why,
    ...shown,
    ...(gaps[2] ?? []),
    ...changes,
    ...(gaps[0] ?? []),
    foot,
  ];
}

function changeRows(view: WizardView, columns: number): Line[] {
  const { plan, problem } = view.wizard;
  if (plan === null && problem === null) {
    return [[waitSpan(view), span(" Working out what would change")]];
  }
  const role = problem === null ? "plain" : "warning";
  const words = plan === null ? (problem ?? "") : changeText(plan);
  return wrapText(cleanText(words), columns)
    .slice(0, 4)
    .map((text): Line => [span(text, role)]);
}

/** Yes: to the plan, or to the one question that last time's answers can't pass. No: the questions, with them chosen. */
export function pressedOnResume(state: WizardState, press: Press): WizardState {
  const letter = press.kind === "text" ? press.text.toLowerCase() : "";
  if (press.kind === "enter" || letter === "y") {
    return showStep(state, takeEarlier(state.planning, state));
  }
  if (letter === "n") return showStep(state, askAnew(state.planning, state));
  return press.kind === "escape" || letter === "q" ? { ...state, leaving: true } : state;
}
