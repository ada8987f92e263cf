import type { Option, Question } from "../../../plan/questions.ts";
import { wrapText } from "../../text-width.ts";
import { cleanText } from "../../words/sentence.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { blank, span, type Line, type Size } from "../line.ts";
import { waitSpan } from "../live/header.ts";
import { wizardHeader } from "./wizard-header.ts";
import type { WizardView } from "./view.ts";
import { fitRows, totalRows } from "./totals.ts";
import { isChosen, shownOptions } from "./wizard-state.ts";

/** One question: prompt, why, options, what is wrong, keys; what has the least to say goes first where rows are few. */
export function questionPage(view: WizardView, question: Question): Line[] {
  const columns = frameColumns(view.size);
  const prompt = wrapText(question.prompt, columns).map((text): Line => [span(text, "strong")]);
  const head = [wizardHeader(view), ...prompt];
  const field = view.wizard.typed === null ? [] : typedLines(view, question, view.wizard.typed);
  const foot = [...statusLines(view, columns), keyLine(view, question)];
  const options = shownOptions(view.wizard);
  let room = frameRows(view.size) - head.length - field.length - foot.length;
  const optionRoom = Math.max(1, room);
  room -= options.length;

  function take(lines: readonly Line[]): readonly Line[] {
    if (room < lines.length) return [];
    room -= lines.length;
    return lines;
  }

  /** The first of these that has room. */
  function takeOne(candidates: readonly (readonly Line[])[]): readonly Line[] {
    return take(candidates.find(({ length }) => length <= room) ?? []);
  }

  const totals = takeOne(totalRows(view, question));
  const fit = takeOne(fitRows(view, question));
  const labels = labelRule(view, question, room);
  room -= labels.rows;
  const why = take(wrapText(question.why, columns).map((text): Line => [span(text, "quiet")]));
  const details = room >= options.length ? "all" : room >= 1 ? "current" : "none";
  const detailRows = { all: options.length, current: 1, none: 0 }[details];
  room -= detailRows;
  const shown = optionRows(view, question, { details, labels: labels.whole, room: optionRoom });
  const reserved = options.length > optionRoom ? 0 : options.length + labels.rows + detailRows;
  const rows = [...shown, ...Array<Line>(Math.max(0, reserved - shown.length)).fill(blank)];
  const gaps = [take([blank]), take([blank]), take([blank])];
  return [
    ...head,
    ...why,
    ...(gaps[0] ?? []),
    ...fit,
    ...(fit.length > 0 ? (gaps[2] ?? []) : []),
    ...rows,
    ...field,
    ...(gaps[1] ?? []),
    ...totals,
    ...(totals.length > 0 ? (gaps[2] ?? []) : []),
    ...foot,
  ];
}

interface OptionRule {
  /** Whose second line is shown. */
  readonly details: "all" | "current" | "none";
  /** Whose label may take more than one row. */
  readonly labels: "all" | "current" | "none";
  readonly room: number;
}

/** Whose labels are shown whole, and how many rows more than one each they need for that. */
function labelRule(
  view: WizardView,
  question: Question,
  room: number,
): { readonly whole: OptionRule["labels"]; readonly rows: number } {
  const extra = shownOptions(view.wizard).map(
    (option) => labelLines(view, question, option).length - 1,
  );
  const all = extra.reduce((sum, rows) => sum + rows, 0);
  if (all <= room) return { whole: "all", rows: all };
  // As many as the longest needs, so that nothing below moves with the cursor.
  const most = Math.max(0, ...extra);
  return most <= room ? { whole: "current", rows: most } : { whole: "none", rows: 0 };
}

/** The options, those around the cursor where not all have room. */
function optionRows(view: WizardView, question: Question, rule: OptionRule): Line[] {
  const options = shownOptions(view.wizard);
  const first =
    options.length <= rule.room ? 0 : Math.min(view.wizard.cursor, options.length - rule.room);
  return options.slice(first, first + rule.room).flatMap((option, index) => {
    const under = first + index === view.wizard.cursor;
    const whole = rule.labels === "all" || (rule.labels === "current" && under);
    const detailed = rule.details === "all" || (rule.details === "current" && under);
    const indent = " ".repeat(labelIndent(view, question));
    const [label = "", ...rest] = whole ? labelLines(view, question, option) : [labelText(option)];
    return [
      [
        ...optionSigns(view, question, { option, number: first + index + 1, under }),
        span(label, under ? "accent" : "plain"),
      ],
      ...rest.map((text): Line => [span(indent), span(text, under ? "accent" : "plain")]),
      ...(detailed ? [[span(indent), span(cleanText(option.detail), "quiet")]] : []),
    ];
  });
}

function optionSigns(
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
  const box =
    question.kind === "many"
      ? [span(`${chosen ? signs.chosen : signs.open} `, chosen ? "good" : "quiet")]
      : [];
  return [span(under ? `${signs.pointer} ` : "  ", "accent"), span(`${number}. `, "quiet"), ...box];
}

function labelLines(view: WizardView, question: Question, option: Option): string[] {
  return wrapText(labelText(option), frameColumns(view.size) - labelIndent(view, question));
}

function labelText(option: Option): string {
  return cleanText(option.label) + (option.locked ? " (always)" : "");
}

function labelIndent(view: WizardView, question: Question): number {
  return 5 + (question.kind === "many" ? view.theme.signs.chosen.length + 1 : 0);
}

/** The field in which a text is typed. A secret's field says neither the text nor its length. */
function typedLines(view: WizardView, question: Question, typed: string): Line[] {
  if (question.kind === "secret") {
    const words = typed === "" ? "Paste it here; it stays hidden" : "A token is here, hidden";
    return [
      [
        span("  Token: ", "strong"),
        span(words, typed === "" ? "quiet" : "good"),
        span("_", "accent"),
      ],
    ];
  }
  const text = `${tail(typed, editorColumns(view.size) - 1)}_`;
  return [[span(editorLabel, "strong"), { ...span(text), widget: "editor" }]];
}

const editorLabel = "  Folder: ";

/** How wide the field is in which a folder is typed. */
export function editorColumns(size: Size): number {
  return Math.max(4, frameColumns(size) - editorLabel.length);
}

/** The end of a long text: that is where the typing goes on. */
function tail(text: string, width: number): string {
  return text.length <= width ? text : text.slice(text.length - width);
}

/** What is wrong, what is being asked of the Hub, or that answers are there from last time. */
function statusLines(view: WizardView, columns: number): Line[] {
  const { wizard } = view;
  if (wizard.errand?.kind === "token") {
    return [[waitSpan(view), span(" Asking the Hub about this token. Esc takes it back.")]];
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
  if (wizard.index === 0 && wizard.planning.earlier !== "none") {
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
