import type { Option, Question } from "../../../plan/questions.ts";
import { wrapText } from "../../text-width.ts";
import { cleanText } from "../../legible.ts";
import { frameColumns } from "../frame-size.ts";
import { blank, span, type Line } from "../line.ts";
import type { WizardView } from "./view.ts";
import { isChosen, shownOptions } from "./wizard-state.ts";

/** Of which options a part that is longer than a row is shown whole. */
type Whose = "all" | "current" | "none";

export interface OptionBlock {
  readonly rows: readonly Line[];
  /** How many of them are beyond one row for each option. */
  readonly more: number;
}

export interface OptionRoom {
  /** Rows for the options themselves. */
  readonly options: number;
  /** How many more there are for the rest of them. */
  readonly more: number;
  /** How many of those would be welcome elsewhere. */
  readonly spared: number;
}

/**
 * The options, those around the cursor where not all have room. Details of the one under the cursor come before long
 * labels, those before everybody's details; what is left out or cut is always the same, so that no row moves with the cursor.
 */
export function optionBlock(view: WizardView, question: Question, room: OptionRoom): OptionBlock {
  const options = shownOptions(view.wizard);
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
  const options = shownOptions(view.wizard);
  const details = options.map((option) => detailLines(view, question, option).length);
  const both = options.map(
    (option, index) => labelLines(view, question, option).length - 1 + (details[index] ?? 0),
  );
  return [Math.max(0, ...both), Math.max(0, ...details), 1];
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

function detailLines(view: WizardView, question: Question, option: Option): string[] {
  const width = frameColumns(view.size) - labelIndent(view, question);
  return wrapText(cleanText(option.detail), width);
}
