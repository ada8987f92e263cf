import type { Option } from "../../../plan/options.ts";
import type { Question } from "../../../plan/questions.ts";
import { suitabilityOf, groupsWith, totalsOf } from "../../../plan/totals.ts";
import { cleanText } from "../../clean-text.ts";
import { wrapText } from "../../text-width.ts";
import { pastedTokenText } from "../../messages/plan.ts";
import { misfitLines, suitabilityLines, totalRow } from "../../messages/totals.ts";
import { blank, footLine, frameColumns, frameRows, type Line, type Size, span } from "../line.ts";
import { waitSpan, wizardHeader, type WizardView } from "../header.ts";
import { gridMoreRows, type OptionBlock, type OptionRoom, setsGrid } from "./sets-grid.ts";
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
  const suitability = takeOne(suitabilityRows(view, question), []);
  const why = wrapText(whyText(view, question), columns).map((text): Line => [span(text, "quiet")]);
  const block = optionBlock(view, question, {
    options: optionRoom,
    more: room,
    // What a set gives says more than why it is asked.
    spared: isGrid(question) ? 0 : why.length,
  });
  room -= block.more;
  const whyRows = take(why);
  const gaps = [take([blank]), take([blank]), take([blank])];
  return [
    ...head,
    ...whyRows,
    ...(gaps[0] ?? []),
    ...suitability,
    ...(suitability.length > 0 ? (gaps[2] ?? []) : []),
    ...block.rows,
    ...field,
    ...(gaps[1] ?? []),
    ...totals,
    ...(totals.length > 0 ? (gaps[2] ?? []) : []),
    ...foot,
  ];
}

/** Why it is asked; in the demo once, that its sizes are not the real ones. */
function whyText({ state }: WizardView, { why, facts }: Question): string {
  const isSmall = state.run?.demo === true && facts === "totals";
  return isSmall ? `${why} In the demo, sizes are 1/200 of the real ones.` : why;
}

/** The field in which a text is typed. A secret's field says how long it is and what is odd about it, never the text. */
function typedLines(view: WizardView, question: Question, typed: string): Line[] {
  if (question.kind === "secret") {
    const label = span("  Token: ", "strong");
    const cursor = span("_", "accent");
    if (typed === "") return [[label, span("paste it here; it stays hidden", "quiet"), cursor]];
    const { text, odd } = pastedTokenText(typed);
    const sign = view.theme.symbols.warning;
    return [
      [label, span(text, odd === null ? "good" : "plain"), cursor],
      ...(odd === null ? [] : [[span(`  ${sign} ${odd}`, "warning")]]),
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
  if (wizard.effect?.kind === "token") {
    return [[waitSpan(view), span(" Checking the token with the Hub. Esc cancels.")]];
  }
  if (wizard.effect?.kind === "folder") {
    return [[waitSpan(view), span(" Checking the folder. Esc cancels.")]];
  }
  if (wizard.problem !== null) {
    const lines = wrapText(cleanText(wizard.problem), columns - 4);
    const sign = view.theme.symbols.warning;
    return lines
      .slice(0, 4)
      .map((text, index): Line => [
        span(index === 0 ? `${sign} ` : " ".repeat(sign.length + 1), "warning"),
        span(text, "warning"),
      ]);
  }
  if (wizard.index === 0 && wizard.interview.earlier !== "none") {
    return [[span("Your answers from last time are selected.", "good")]];
  }
  return [];
}

function keyLine({ wizard, theme, size }: WizardView, question: Question): Line {
  const many = question.kind === "many";
  const { up, down } = theme.symbols;
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
      "q: quit",
    ],
    size,
    [many ? "Space: pick" : "", "Enter: next", first ? "" : "Esc: back", "q: quit", "?: help"],
  );
}

/** Of which options a part that is longer than a row is shown whole. */
type Whose = "all" | "current" | "none";

/**
 * The options, those around the cursor where not all have room. Details of the one under the cursor come before long
 * labels, those before everybody's details; what is left out or cut is always the same, so that no row moves with the cursor.
 */
export function optionBlock(view: WizardView, question: Question, room: OptionRoom): OptionBlock {
  const options = shownOptions(view.wizard);
  if (isGrid(question)) return setsGrid(view, room);
  if (options.length > room.options) {
    const first = Math.min(view.wizard.cursor, options.length - room.options);
    const shown = options.slice(first, first + room.options);
    const rule = { labels: "none", details: "none", cut: true } as const;
    return {
      rows: shown.flatMap((_, index) => optionRows(view, question, { index: first + index, rule })),
      more: 0,
    };
  }
  const { rule, more } = chooseRule(view, question, room);
  const rows = options.flatMap((_, index) => optionRows(view, question, { index, rule }));
  const padding = Math.max(0, options.length + more - rows.length);
  return { rows: [...rows, ...Array<Line>(padding).fill(blank)], more };
}

/** The rows that the option under the cursor wants beyond its first: for all of it, for its details, for their first row. */
export function moreRows(view: WizardView, question: Question): readonly number[] {
  if (isGrid(question)) return gridMoreRows(view);
  const options = shownOptions(view.wizard);
  const details = options.map((option) => detailLines(view, question, option).length);
  const both = options.map(
    (option, index) => labelLines(view, question, option).length - 1 + (details[index] ?? 0),
  );
  return [Math.max(0, ...both), Math.max(0, ...details), 1];
}

/** Sets of models are compared, in columns. */
function isGrid({ facts }: Question): boolean {
  return facts === "totals";
}

interface Rule {
  readonly labels: Whose;
  readonly details: Whose;
  /** Details are cut to a row. */
  readonly cut: boolean;
}

/** The most that has room: rules from the richest to the poorest, with the rows that each wants beyond one an option. */
function chooseRule(
  view: WizardView,
  question: Question,
  room: OptionRoom,
): { readonly rule: Rule; readonly more: number } {
  const options = shownOptions(view.wizard);
  const labels = options.map((option) => labelLines(view, question, option).length - 1);
  const details = options.map((option) => detailLines(view, question, option).length);
  const wants = (counts: readonly number[], whose: Whose): number =>
    whose === "all"
      ? counts.reduce((sum, count) => sum + count, 0)
      : whose === "current"
        ? Math.max(0, ...counts)
        : 0;
  const rules: readonly Rule[] = [
    { labels: "all", details: "all", cut: false },
    { labels: "all", details: "current", cut: false },
    { labels: "current", details: "current", cut: false },
    { labels: "none", details: "current", cut: false },
    { labels: "none", details: "current", cut: true },
  ];
  const priced = rules.map((rule) => ({
    rule,
    more: wants(labels, rule.labels) + (rule.cut ? 1 : wants(details, rule.details)),
  }));
  const none: Rule = { labels: "none", details: "none", cut: true };
  return (
    priced.find(({ rule, more }) => !rule.cut && more <= room.more - room.spared) ??
    priced.find(({ more }) => more <= room.more) ?? { rule: none, more: 0 }
  );
}

function optionRows(
  view: WizardView,
  question: Question,
  { index, rule }: { readonly index: number; readonly rule: Rule },
): Line[] {
  const option = shownOptions(view.wizard)[index];
  if (option === undefined) return [];
  const under = index === view.wizard.cursor;
  const isShown = (whose: Whose): boolean => whose === "all" || (whose === "current" && under);
  const indent = " ".repeat(labelIndent(view, question));
  const role = under ? "accent" : "plain";
  const [label = "", ...rest] = isShown(rule.labels)
    ? labelLines(view, question, option)
    : [labelText(option)];
  const details = !isShown(rule.details)
    ? []
    : rule.cut
      ? [cleanText(option.detail)]
      : detailLines(view, question, option);
  return [
    [...optionSigns(view, question, { option, number: index + 1, under }), span(label, role)],
    ...rest.map((text): Line => [span(indent), span(text, role)]),
    ...details.map((text): Line => [span(indent), span(text, "quiet")]),
  ];
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
  const { symbols } = view.theme;
  const chosen = isChosen(option, view.wizard);
  const box =
    question.kind === "many"
      ? [span(`${chosen ? symbols.chosen : symbols.open} `, chosen ? "good" : "quiet")]
      : [];
  return [
    span(under ? `${symbols.pointer} ` : "  ", "accent"),
    span(`${number}. `, "quiet"),
    ...box,
  ];
}

function labelLines(view: WizardView, question: Question, option: Option): string[] {
  return wrapText(labelText(option), frameColumns(view.size) - labelIndent(view, question));
}

function labelText({ label, locked, recommended }: Option): string {
  return cleanText(label) + (locked ? " (required)" : recommended ? " (recommended)" : "");
}

function labelIndent(view: WizardView, question: Question): number {
  return 5 + (question.kind === "many" ? view.theme.symbols.chosen.length + 1 : 0);
}

function detailLines(view: WizardView, question: Question, option: Option): string[] {
  const width = frameColumns(view.size) - labelIndent(view, question);
  return wrapText(cleanText(option.detail), width);
}

/** What the chosen sets add up to, against what the machine has; explained where it does not fit. The first of these that has room is shown. */
export function totalRows(view: WizardView, question: Question): readonly Line[][] {
  if (question.facts !== "totals") return [];
  const { interview, chosen } = view.wizard;
  const columns = frameColumns(view.size);
  const totals = totalsOf(interview, groupsWith(interview, chosen));
  const said = totalRow(totals, { columns, separator: view.theme.symbols.separator }).map(
    (text): Line => [span(text, "strong")],
  );
  const first = said.slice(0, 1);
  const warned = (text: string): Line[] => marked(view, { sign: view.theme.symbols.warning, text });
  const misfits = misfitLines(totals);
  const whole = misfits.flatMap(warned);
  const short = misfits.slice(0, 1).flatMap((text) => warned(firstSentence(text)));
  const candidates = [[...said, ...whole], [...first, ...whole], whole, [...first, ...short]];
  return [...candidates, short, first].filter((rows) => rows.length > 0);
}

function firstSentence(text: string): string {
  return text.split(/(?<=\.) /)[0] ?? text;
}

/** How a machine that is no Spark stands against what the stack wants; where rows are few, what does not fit. */
export function suitabilityRows(view: WizardView, question: Question): readonly Line[][] {
  if (question.facts !== "suitability") return [];
  const { symbols } = view.theme;
  const { interview } = view.wizard;
  const said = suitabilityLines(suitabilityOf(interview));
  const rows = (lines: typeof said): Line[] =>
    lines.flatMap(({ text, fits }) =>
      marked(view, { sign: fits ? symbols.ok : symbols.warning, text, fits }),
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
