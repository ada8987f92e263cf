import type { Question } from "../../../plan/questions.ts";
import { wrapText } from "../../text-width.ts";
import { cleanText } from "../../legible.ts";
import { frameColumns, frameRows } from "../frame-size.ts";
import { footLine } from "../foot.ts";
import { blank, span, type Line, type Size } from "../line.ts";
import { waitSpan } from "../live/header.ts";
import { moreRows, optionBlock } from "./option-block.ts";
import { wizardHeader } from "./wizard-header.ts";
import type { WizardView } from "./view.ts";
import { fitRows, totalRows } from "./totals.ts";
import { shownOptions } from "./wizard-state.ts";

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

  /** The first of these that has room beside the most of so many rows. */
  function takeOne(
    candidates: readonly (readonly Line[])[],
    beside: readonly number[],
  ): readonly Line[] {
    for (const rows of [...beside, 0]) {
      const found = candidates.find(({ length }) => length <= room - rows);
      if (found !== undefined) return take(found);
    }
    return [];
  }

  const totals = takeOne(totalRows(view, question), moreRows(view, question));
  const fit = takeOne(fitRows(view, question), []);
  const why = wrapText(question.why, columns).map((text): Line => [span(text, "quiet")]);
  const block = optionBlock(view, question, {
    options: optionRoom,
    more: room,
    spared: why.length,
  });
  room -= block.more;
  const whyRows = take(why);
  const gaps = [take([blank]), take([blank]), take([blank])];
  return [
    ...head,
    ...whyRows,
    ...(gaps[0] ?? []),
    ...fit,
    ...(fit.length > 0 ? (gaps[2] ?? []) : []),
    ...block.rows,
    ...field,
    ...(gaps[1] ?? []),
    ...totals,
    ...(totals.length > 0 ? (gaps[2] ?? []) : []),
    ...foot,
  ];
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
  const many = question.kind === "many";
  const { up, down } = theme.signs;
  if (wizard.typed !== null) {
    const help = question.kind === "secret" ? "?: help" : "";
    const keys = ["Enter: next", "Esc: back", help];
    return footLine([...keys, "Ctrl-U: clear"], size, keys);
  }
  const first = wizard.index === 0;
  return footLine(
    [
      `${up} ${down}: move`,
      many ? "Space: toggle" : "",
      many ? "a: all" : "",
      "Enter: next",
      first ? "" : "Esc: back",
      "?: help",
      "q: stop",
    ],
    size,
    [many ? "Space" : `${up} ${down}`, "Enter", first ? "" : "Esc", "?: help", "q: stop"],
  );
}
