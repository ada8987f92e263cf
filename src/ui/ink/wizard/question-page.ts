import type { Option, Question } from "../../../plan/questions.ts";
import { wrapText } from "../../text-width.ts";
import { cleanText } from "../../words/sentence.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { blank, span, type Line } from "../line.ts";
import type { Role } from "../theme.ts";
import { headerLine, spinner } from "../live/header.ts";
import type { WizardView } from "./view.ts";
import { totalLines } from "./totals.ts";
import { isChosen, shownOptions } from "./wizard-state.ts";

/** One question: prompt, why, options, what is wrong, keys; what has the least to say goes first where rows are few. */
export function questionPage(view: WizardView, question: Question): Line[] {
  const columns = frameColumns(view.size);
  const rows = frameRows(view.size);
  const { wizard } = view;
  const prompt = wrapText(question.prompt, columns).map((text): Line => [span(text, "strong")]);
  const head = [headerLine({ ...view }), ...prompt];
  const foot = [...statusLines(view, columns), keyLine(view, question)];
  const body = wizard.typed === null ? [] : typedLines(view, question, wizard.typed);
  let room = rows - head.length - foot.length - body.length;
  const options = shownOptions(wizard);
  room -= options.length;
  const why = wrapText(question.why, columns).map((text): Line => [span(text, "quiet")]);
  const showsWhy = room >= why.length;
  if (showsWhy) room -= why.length;
  const totals = totalLines(view, question);
  const showsTotals = room >= totals.length;
  if (showsTotals) room -= totals.length;
  const details: DetailRule = room >= options.length ? "all" : room >= 1 ? "current" : "none";
  room -= details === "all" ? options.length : details === "current" ? 1 : 0;
  const air = (needed: number): Line[] => (room >= needed ? [blank] : []);
  return [
    ...head,
    ...(showsWhy ? why : []),
    ...air(1),
    ...optionRows(view, question, {
      details,
      room: rows - head.length - foot.length - body.length,
    }),
    ...body,
    ...air(2),
    ...(showsTotals ? totals : []),
    ...air(3),
    ...foot,
  ];
}

type DetailRule = "all" | "current" | "none";

/** The options, those around the cursor where not all have room. */
function optionRows(
  view: WizardView,
  question: Question,
  { details, room }: { readonly details: DetailRule; readonly room: number },
): Line[] {
  const options = shownOptions(view.wizard);
  const fits = Math.max(1, room);
  const first = options.length <= fits ? 0 : Math.min(view.wizard.cursor, options.length - fits);
  return options.slice(first, first + fits).flatMap((option, index) => {
    const under = first + index === view.wizard.cursor;
    const line = optionLine(view, question, { option, number: first + index + 1, under });
    const detailed = details === "all" || (details === "current" && under);
    const indent = question.kind === "many" ? view.theme.signs.chosen.length + 6 : 5;
    return detailed
      ? [line, [span(" ".repeat(indent)), span(cleanText(option.detail), "quiet")]]
      : [line];
  });
}

function optionLine(
  view: WizardView,
  question: Question,
  {
    option,
    number,
    under,
  }: { readonly option: Option; readonly number: number; readonly under: boolean },
): Line {
  const { signs } = view.theme;
  const chosen = isChosen(option, view.wizard);
  const role: Role = under ? "accent" : "plain";
  const pointer = span(under ? `${signs.pointer} ` : "  ", "accent");
  const box =
    question.kind === "many"
      ? [span(`${chosen ? signs.chosen : signs.open} `, chosen ? "good" : "quiet")]
      : [];
  const locked = option.locked ? [span(" (always)", "quiet")] : [];
  return [
    pointer,
    span(`${number}. `, "quiet"),
    ...box,
    span(cleanText(option.label), role),
    ...locked,
  ];
}

/** The field in which a text is typed. A secret's field says neither the text nor its length. */
function typedLines(view: WizardView, question: Question, typed: string): Line[] {
  const caret = span("_", "accent");
  if (question.kind === "secret") {
    const words =
      typed === "" ? "Paste the token here; it stays hidden" : "A token is here, hidden";
    return [[span("  Token: ", "strong"), span(words, typed === "" ? "quiet" : "good"), caret]];
  }
  return [[span("  Folder: ", "strong"), span(tail(typed, frameColumns(view.size) - 12)), caret]];
}

/** The end of a long text: that is where the typing goes on. */
function tail(text: string, width: number): string {
  return text.length <= width ? text : text.slice(text.length - width);
}

/** What is wrong, what is being asked of the Hub, or that answers are there from last time. */
function statusLines(view: WizardView, columns: number): Line[] {
  const { wizard } = view;
  if (wizard.errand?.kind === "token") {
    return [
      [
        span(`${spinner(view)} `, "accent"),
        span("Asking the Hub about this token. Esc takes it back."),
      ],
    ];
  }
  if (wizard.problem !== null) {
    const lines = wrapText(cleanText(wizard.problem), columns - 4);
    const sign = view.theme.signs.warning;
    return lines
      .slice(0, 4)
      .map((text, index): Line => [
        span(index === 0 ? `${sign} ` : " ".repeat(sign.length + 1), "warning"),
        span(text, "warning"),
      ]);
  }
  if (wizard.index === 0 && wizard.planning.resumed) {
    return [[span("Your answers from last time are kept.", "good")]];
  }
  return [];
}

function keyLine({ wizard, theme, size }: WizardView, question: Question): Line {
  const wide = frameColumns(size) >= 70;
  const many = question.kind === "many";
  const keys =
    wizard.typed !== null
      ? ["Enter: next", "Esc: back", wide ? "Ctrl-U: clear" : ""]
      : wide
        ? [
            `${theme.signs.up} ${theme.signs.down}: move`,
            many ? "Space: choose" : "",
            many ? "a: all" : "",
            "Enter: next",
            wizard.index === 0 ? "" : "Esc: back",
            "?: help",
            "q: stop",
          ]
        : [
            many ? "Space" : `${theme.signs.up}${theme.signs.down}`,
            "Enter",
            wizard.index === 0 ? "" : "Esc",
            "?: help",
            "q: stop",
          ];
  const shown = keys.filter((key) => key !== "");
  return [span(shown.join(wide ? "   " : "  "), "quiet")];
}
