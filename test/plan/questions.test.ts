import { withName } from "../../src/run/assistant.ts";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { recallAnswers, rememberAnswers } from "../../src/commands/remembered-answers.ts";
import { firstStep, type Interview } from "../../src/plan/interview.ts";
import { initialAnswers, type Question, questions, withAnswer } from "../../src/plan/questions.ts";
import { rememberable, resolveAnswers } from "../../src/plan/resolve.ts";
import { parseConfig } from "../../src/plan/config-file.ts";
import { parseArguments } from "../../src/cli/parse-arguments.ts";
import { createAccessibleWriter } from "../../src/ui/accessible/writer.ts";
import { openWizard } from "../../src/ui/ink/wizard/wizard-state.ts";
import { answerFacts } from "../../src/ui/messages/plan.ts";
import { testHost } from "../machine/test-host.ts";
import { createMemoryTerminal } from "../terminal/memory-terminal.ts";
import { bootService, cannedInterview, catalog, spark } from "../ui/canned-interview.ts";
import { page } from "../ui/wizard-walk.ts";

/** An interview in which this question alone is open. */
function onlyOpen({ id }: Question, change: Partial<Interview> = {}): Interview {
  const others = questions.filter((other) => other.id !== id).map((other) => other.id);
  const [found] = cannedInterview().tokens;
  // Whether a token is kept is asked only where there is one.
  const token = id === "keepToken" && found !== undefined ? { token: found.answer } : {};
  return cannedInterview({
    decided: new Set(others),
    machine: { ...spark, spark: false },
    bootService,
    answers: { ...initialAnswers(catalog), ...token },
    ...change,
  });
}

/** Option values that stand for another answer than the one before anybody answered. */
function otherValues(question: Question): readonly string[] {
  const before = initialAnswers(catalog);
  const chosen = question.selected(before);
  const others = question
    .options(onlyOpen(question), before)
    .map(({ value }) => value)
    .filter((value) => !chosen.includes(value));
  return question.kind === "many" ? [...chosen, ...others] : others.slice(0, 1);
}

const rows = questions.map((question) => ({ question, id: question.id }));

test("no two questions share a flag, a variable or a key", () => {
  for (const key of ["id", "flag", "environment", "configKey"] as const) {
    expect(new Set(questions.map((question) => question[key])).size).toBe(questions.length);
  }
});

test.each(rows)("$id is asked on the screen, with its words and its options", ({ question }) => {
  const text = page(openWizard(onlyOpen(question)));
  expect(text).toContain(withName(question.prompt, "Annie"));
  for (const { label } of question.options(onlyOpen(question), initialAnswers(catalog))) {
    expect(text).toContain(withName(label, "Annie"));
  }
});

test.each(rows)("$id is asked in full sentences", async ({ question }) => {
  const memory = createMemoryTerminal();
  const writer = createAccessibleWriter(memory.terminal);
  memory.type("q\n");
  await writer.ask?.(onlyOpen(question), new AbortController().signal);
  await writer.close();
  expect(memory.stdout()).toContain(`Question 1 of 1. ${withName(question.prompt, "Annie")}`);
});

test.each(rows.filter(({ question }) => question.remembered))(
  "an answer to $id is there again in the next run, and among the earlier answers",
  async ({ question }) => {
    const host = testHost();
    const stateDir = await mkdtemp(path.join(tmpdir(), "heros-answers-"));
    onTestFinished(() => rm(stateDir, { recursive: true }));
    const before = initialAnswers(catalog);
    const given = withAnswer(before, question, otherValues(question), catalog);
    expect(given).not.toEqual(before);

    await rememberAnswers(host, {
      stateDir,
      stackDir: "/home/ann/her-os",
      answers: rememberable(given),
      finished: false,
    });
    const { answers: remembered } = await recallAnswers(host, stateDir);
    const sources = { catalog, remembered, decided: [], foundTokens: [], tokenFile: null };
    const { answers } = resolveAnswers(sources);
    expect(answers[question.id]).toEqual(given[question.id]);
    const interview = onlyOpen(question, { answers });
    expect(
      answerFacts(interview, { ...firstStep(interview), questions: [question] }).map(
        ({ label }) => label,
      ),
    ).toEqual(question.kind === "confirm" ? [] : [question.title]);
  },
);

test("neither a token nor consent is remembered", () => {
  const kept = rememberable({ ...initialAnswers(catalog), unsupported: true });
  expect(Object.keys(kept)).not.toContain("token");
  expect(Object.keys(kept)).not.toContain("unsupported");
});

test("a question that is added to the table is asked, given and remembered everywhere", async () => {
  const madeUp: Question = {
    id: "colour",
    kind: "one",
    title: "Her colour",
    prompt: "Which colour does Annie like?",
    why: "It is hers.",
    help: "She likes one.",
    flag: "--colour",
    argument: "name",
    summary: "her colour",
    environment: "HEROS_COLOUR",
    configKey: "colour",
    remembered: true,
    initial: () => "red",
    applies: () => true,
    options: () =>
      ["red", "blue"].map((value) => ({ value, label: `As ${value}`, detail: "", locked: false })),
    selected: (answers) => [{ colour: "red", ...answers }.colour],
    parse: ([value]) => value,
    planLine: (answers) => `Her colour: ${{ colour: "red", ...answers }.colour}`,
  };
  const table = questions as unknown as Question[];
  table.push(madeUp);
  onTestFinished(() => void table.pop());

  const interview = onlyOpen(madeUp);
  expect(page(openWizard(interview))).toContain("Which colour does Annie like?");
  const memory = createMemoryTerminal();
  const writer = createAccessibleWriter(memory.terminal);
  memory.type("2\nyes\n");
  const answers = await writer.ask?.(interview, new AbortController().signal);
  await writer.close();
  expect(answers).toMatchObject({ colour: "blue" });
  expect(memory.stdout()).toContain("2. As blue.");
  if (answers === null || answers === undefined) throw new Error("no answers");
  expect(questions.flatMap(({ planLine }) => planLine(answers) ?? [])).toEqual([
    "Her colour: blue",
  ]);

  expect(parseConfig("colour: blue", "c.yaml")).toEqual({ colour: ["blue"] });
  const parsed = parseArguments(["setup", "--colour", "blue"]);
  expect(parsed).toMatchObject({ command: { questionFlags: { colour: "blue" } } });
  const stateDir = await mkdtemp(path.join(tmpdir(), "heros-answers-"));
  onTestFinished(() => rm(stateDir, { recursive: true }));
  const host = testHost();
  await rememberAnswers(host, {
    stateDir,
    stackDir: "/home/ann/her-os",
    answers: rememberable(answers),
    finished: false,
  });
  const { answers: remembered } = await recallAnswers(host, stateDir);
  const sources = { catalog, remembered, decided: [], foundTokens: [], tokenFile: null };
  expect(resolveAnswers(sources).answers).toMatchObject({ colour: "blue" });
});
