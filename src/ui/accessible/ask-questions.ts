import {
  askAnew,
  currentQuestion,
  firstStep,
  type Interview,
  nextStep,
  previousStep,
  settlesAll,
  type Step,
  takeEarlier,
} from "../../plan/interview.ts";
import type { Option } from "../../plan/options.ts";
import { type Answers, type Question, withAnswer } from "../../plan/questions.ts";
import { suitabilityOf, totalsOf } from "../../plan/totals.ts";
import type { PlanReady } from "../../run/events/plan.ts";
import { Failure } from "../../run/failure.ts";
import {
  answerFacts,
  earlierAnswers,
  earlierTitle,
  fileLines,
  fileText,
  pastedTokenText,
  planLines,
  refusedTokenText,
} from "../messages/plan.ts";
import { misfitLines, suitabilityLines, totalLines } from "../messages/totals.ts";
import type { LineReader } from "../lines.ts";

interface Talk {
  readonly interview: Interview;
  readonly reader: LineReader;
  readonly signal: AbortSignal;
  say(line: string): void;
}

/** What a person said to a question. */
type Reply =
  | { readonly kind: "answered"; readonly answers: Answers }
  | { readonly kind: "back" }
  | { readonly kind: "quit" };

const quit: Reply = { kind: "quit" };

/**
 * Every open question in full sentences with numbered choices, then the summary.
 * Nothing is drawn twice, so that a screen reader says each line once.
 * @returns null where the person stops, or where the input ends
 */
export async function askInLines(talk: Talk): Promise<Answers | null> {
  const { interview } = talk;
  let step = firstStep(interview);
  if (step.page === "earlier") {
    const stand = await askEarlier(talk, step);
    if (stand === null) return null;
    step = stand ? takeEarlier(interview, step) : askAnew(interview, step);
  }
  for (;;) {
    const question = currentQuestion(step);
    const reply =
      question === null
        ? await askForConsent(talk, step.answers)
        : await askQuestion(talk, question, step);
    if (reply.kind === "quit") return null;
    if (reply.kind === "back") {
      const before = previousStep(interview, step);
      if (before === null) talk.say("This is the first question.");
      step = before ?? step;
      continue;
    }
    if (question === null) return reply.answers;
    // Consent is not kept, so there is nothing new to keep.
    const consents = step.settled && question.kind === "confirm";
    step = nextStep(interview, step, reply.answers);
    if (consents) continue;
    if (question.facts === "totals") sayTotals(talk, reply.answers);
    await interview.remember(reply.answers);
  }
}

/** Whether the answers of an earlier run stand or are asked again; null where the person stops. */
async function askEarlier(talk: Talk, step: Step): Promise<boolean | null> {
  const { interview } = talk;
  talk.say("");
  talk.say(earlierTitle(interview.earlier));
  talk.say(earlierAnswers);
  for (const { label, value } of answerFacts(interview, step)) talk.say(`${label}: ${value}.`);
  talk.say(`1. Yes, ${settlesAll(step) ? "show what would change" : "continue"}. Selected.`);
  talk.say("2. No, start over, with these answers selected.");
  talk.say("3. Quit.");
  talk.say("Type a number and press Enter. Press Enter alone for 1.");
  return untilReply<boolean | null>(talk, {
    replies: { "": true, "1": true, "2": false, "3": null, q: null },
    end: null,
  });
}

function sayTotals({ interview, say }: Talk, { groups }: Answers): void {
  const totals = totalsOf(interview, groups);
  for (const text of totalLines(totals)) say(text);
  for (const text of misfitLines(totals)) say(`Warning: ${text}`);
}

async function askQuestion(
  talk: Talk,
  question: Question,
  { answers, questions, index: place }: Step,
): Promise<Reply> {
  const options = shownOptions(question, talk.interview, answers);
  const chosen = question.selected(answers);
  talk.say("");
  talk.say(`Question ${place + 1} of ${questions.length}. ${question.prompt}`);
  talk.say(question.why);
  if (question.facts === "suitability") {
    for (const { text, fits } of suitabilityLines(suitabilityOf(talk.interview))) {
      talk.say(fits ? text : `Warning: ${text}`);
    }
  }
  options.forEach((option, index) => talk.say(optionText(option, index, chosen)));
  talk.say(instructions(question));
  for (;;) {
    const line = await talk.reader.next(talk.signal);
    const typed = line?.trim() ?? null;
    if (typed === null || typed === "q") return quit;
    if (typed === "b") return { kind: "back" };
    if (typed === "?") {
      talk.say(question.help);
      // Who heard the help may have lost the question.
      talk.say(question.prompt);
      talk.say(instructions(question));
      continue;
    }
    const values = typed === "" ? chosen : chosenValues(typed, options);
    const problem = await tryValues(talk, question, answers, values);
    if (typeof problem !== "string") return problem;
    talk.say(problem);
  }
}

/** The answers, or the sentence that says what is wrong. */
async function tryValues(
  talk: Talk,
  question: Question,
  answers: Answers,
  values: readonly string[] | null,
): Promise<Reply | string> {
  if (values === null) return "Type one of the numbers above.";
  if (question.kind === "confirm" && values[0] === "no") return quit;
  const isKept = values.join() === question.selected(answers).join();
  if (isKept && question.kind !== "secret") return taken(answers);
  let given = values;
  const typing = question.kind === "secret" ? "pasted" : typedPath;
  if (values[0] === typing && !isKept) {
    const text = await readText(talk, question);
    if (text === null) return quit;
    if (text === "") return "Nothing was typed. Choose again.";
    given = [text];
    if (question.kind === "secret") {
      const token = pastedTokenText(text);
      talk.say(`Received: ${token.text}.${token.odd === null ? "" : ` ${token.odd}`}`);
    }
  }
  try {
    const patched = isKept
      ? answers
      : withAnswer(answers, question, given, talk.interview.catalog, talk.interview);
    if (question.typesFolder?.(patched) === true)
      await talk.interview.checkFolder(patched, talk.signal);
    const secret = question.secret?.(patched) ?? null;
    if (secret === null) return taken(patched);
    talk.say("Checking the token with the Hub.");
    const check = await talk.interview.checkToken(secret, talk.signal);
    if (!check.ok) return refusedTokenText(check.message, false);
    talk.say(`The Hub accepts the token. Account: ${check.user}.`);
    return taken(patched);
  } catch (error) {
    if (error instanceof Failure) return `${error.message} ${error.formHint}`;
    throw error;
  }
}

async function readText(talk: Talk, question: Question): Promise<string | null> {
  if (question.kind === "secret") {
    for (;;) {
      const line = await talk.reader.nextUnseen(talk.signal, () =>
        talk.say("Paste the token and press Enter. It stays hidden."),
      );
      if (line?.trim() !== "?") return line?.trim() ?? null;
      talk.say(question.help);
    }
  }
  talk.say("Type the full path of the folder and press Enter.");
  return (await talk.reader.next(talk.signal))?.trim() ?? null;
}

async function askForConsent(talk: Talk, answers: Answers): Promise<Reply> {
  talk.say("");
  talk.say("Preparing the plan.");
  let plan: PlanReady;
  try {
    plan = await talk.interview.preview(answers, talk.signal);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    talk.say(`${error.message} ${error.formHint}`);
    talk.say("Type b to change an answer, or q to quit.");
    return untilReply<Reply>(talk, { replies: { b: { kind: "back" }, q: quit }, end: quit });
  }
  talk.say("Review the plan. Nothing has been changed yet.");
  for (const line of planLines(plan)) talk.say(`${line}.`);
  for (const file of plan.files) talk.say(`${fileText(file)}.`);
  talk.say("Type yes to start, d to read the changes to each file, b to go back, or q to quit.");
  const yes = taken(answers);
  return untilReply<Reply>(talk, {
    replies: { yes, y: yes, b: { kind: "back" }, q: quit },
    texts: { d: plan.files.flatMap((file) => fileLines(file)) },
    end: quit,
  });
}

/** What one of these words stands for; `end` where the input ends. */
async function untilReply<Meaning>(
  talk: Talk,
  {
    replies,
    texts = {},
    end,
  }: {
    readonly replies: Readonly<Record<string, Meaning>>;
    readonly texts?: Readonly<Record<string, readonly string[]>>;
    readonly end: Meaning;
  },
): Promise<Meaning> {
  for (;;) {
    const line = await talk.reader.next(talk.signal);
    if (line === null) return end;
    const typed = line.trim().toLowerCase();
    const reply = replies[typed];
    if (reply !== undefined) return reply;
    const text = texts[typed];
    if (text !== undefined) text.forEach((shown) => talk.say(shown));
    else {
      const words = [...Object.keys(replies), ...Object.keys(texts)].filter((word) => word !== "");
      talk.say(`Type one of: ${words.join(", ")}.`);
    }
  }
}

function taken(answers: Answers): Reply {
  return { kind: "answered", answers };
}

/** The extra choice of a path question: a folder that is typed. */
export const typedPath = "\u0000typed";

/** The options of a question; one of a path has one more, for a folder that is typed. */
export function shownOptions(
  question: Question,
  interview: Interview,
  answers: Answers,
): readonly Option[] {
  const options = question.options(interview, answers);
  if (question.kind !== "path") return options;
  return [
    ...options,
    { value: typedPath, label: "Another folder", detail: "Type its path.", locked: false },
  ];
}

/** "2. Listen. Speech-to-text. 3.09 GB, 8.8 GiB memory. Selected." */
export function optionText(option: Option, index: number, chosen: readonly string[]): string {
  const advised = option.recommended === true ? " Recommended." : "";
  const state = option.locked ? " Required." : chosen.includes(option.value) ? " Selected." : "";
  return `${index + 1}. ${option.label}. ${option.detail.replace(/\.$/, "")}.${advised}${state}`;
}

/** What can be typed. */
export function instructions(question: Question): string {
  const what =
    question.kind === "many"
      ? "Type the numbers to select, separated by spaces, and press Enter."
      : "Type a number and press Enter.";
  return `${what} Press Enter alone to keep the selection. Type ? for help, b to go back, q to quit.`;
}

/** Option values for typed numbers; null where one is none of them. */
export function chosenValues(typed: string, options: readonly Option[]): readonly string[] | null {
  const numbers = typed.split(/[\s,]+/).filter((part) => part !== "");
  const values = numbers.map((part) =>
    /^\d+$/.test(part) ? options[Number(part) - 1] : undefined,
  );
  const known = values.flatMap((option) => (option === undefined ? [] : [option.value]));
  return known.length === values.length && known.length > 0 ? known : null;
}
