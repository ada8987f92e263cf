import { settlesAll } from "../../../plan/steps.ts";
import { cleanText } from "../../clean-text.ts";
import { answerLines, changeText, earlierAnswers, earlierTitle } from "../../messages/plan.ts";
import { wrapText } from "../../text-width.ts";
import { headerLine, waitSpan } from "../header.ts";
import { blank, footText, frameColumns, frameRows, type Line, span } from "../line.ts";
import type { WizardView } from "./view.ts";

/** The first page where an earlier run left answers: what they are, what they would change now, and whether to go on with them. */
export function resumePage(view: WizardView): Line[] {
  const { interview } = view.wizard;
  const columns = frameColumns(view.size);
  const given = answerLines(interview, view.wizard).map(cleanText);
  const whole = given.flatMap((line) =>
    wrapText(line, columns - 4).map((row, index): Line => [
      span(index === 0 ? "  " : "    "),
      span(row),
    ]),
  );
  const title = wrapText(earlierTitle(interview.earlier), columns).map((text): Line => [
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
