import { suitabilityOf, tiersWith, totalsOf } from "../../../plan/totals.ts";
import type { Question } from "../../../plan/questions.ts";
import { wrapText } from "../../text-width.ts";
import { suitabilityLines, totalLines } from "../../messages/totals.ts";
import { cleanText } from "../../clean-text.ts";
import { frameColumns } from "../frame-size.ts";
import { span, type Line } from "../line.ts";
import type { WizardView } from "./view.ts";

/** What the choice of tiers adds up to, against what the machine has; explained where it does not fit. The first of these that has room is shown. */
export function totalRows(view: WizardView, question: Question): readonly Line[][] {
  if (question.id !== "tiers") return [];
  const { planning, chosen } = view.wizard;
  const columns = frameColumns(view.size);
  const totals = totalsOf(planning, tiersWith(planning, chosen.map(Number)));
  const said = totalLines(totals, columns >= 60);
  const rows = (lines: typeof said): Line[] =>
    lines.flatMap(({ text, fits }) =>
      fits ? [[span(text)]] : marked(view, { sign: view.theme.signs.warning, text }),
    );
  const misfits = said.filter(({ fits }) => !fits);
  const [first] = said;
  const download = first === undefined ? [] : [first];
  const short = misfits.slice(0, 1).map((line) => ({ ...line, text: firstSentence(line.text) }));
  return [said, [...download, ...misfits], misfits, [...download, ...short], short, download]
    .filter((lines) => lines.length > 0)
    .map(rows);
}

function firstSentence(text: string): string {
  return text.split(/(?<=\.) /)[0] ?? text;
}

/** How a machine that is no Spark stands against what Annie wants; where rows are few, what does not fit. */
export function suitabilityRows(view: WizardView, question: Question): readonly Line[][] {
  if (question.id !== "unsupported") return [];
  const { signs } = view.theme;
  const said = suitabilityLines(suitabilityOf(view.wizard.planning));
  const rows = (lines: typeof said): Line[] =>
    lines.flatMap(({ text, fits }) =>
      marked(view, { sign: fits ? signs.ok : signs.warning, text, fits }),
    );
  const misfits = said.filter(({ fits }) => !fits);
  return [said, misfits, misfits.slice(0, 2), misfits.slice(0, 1)].map(rows);
}

function marked(
  view: WizardView,
  {
    sign,
    text,
    fits = false,
  }: { readonly sign: string; readonly text: string; readonly fits?: boolean },
): Line[] {
  const role = fits ? "good" : "warning";
  return wrapText(cleanText(text), frameColumns(view.size) - sign.length - 1).map((row, index) => [
    span(index === 0 ? sign : " ".repeat(sign.length), role),
    span(` ${row}`, fits ? "plain" : role),
  ]);
}
