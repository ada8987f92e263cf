import type { Answers, StorageAnswer } from "./answers.ts";
import type { Planning } from "./planning.ts";
import { badAnswer, option, parseYesNo } from "./question-parts.ts";
import type { Question } from "./questions.ts";
import { tiers } from "./tiers-question.ts";
import { keepToken, token } from "./token-questions.ts";

const unsupported: Question = {
  id: "unsupported",
  title: "On another machine",
  kind: "confirm",
  prompt: "This does not look like a DGX Spark. Go on all the same?",
  why: "Annie is made for it; elsewhere she may be slow, or not start at all.",
  help:
    "heros looks for the Spark's GPU and for the names that NVIDIA and its partners give the machine. " +
    "If you know that this machine is right, or want to try, go on: nothing on it is changed before you say yes to the summary.",
  flag: "--allow-unsupported",
  argument: null,
  summary: "go on although this machine is not a DGX Spark",
  environment: "HEROS_ALLOW_UNSUPPORTED",
  configKey: "allowUnsupported",
  applies: ({ machine }) => !machine.spark,
  options: () => [
    option("no", "Stop here", "Nothing has been changed."),
    option("yes", "Go on", "Annie may be slow, or not start."),
  ],
  selected: (answers) => [answers.unsupported ? "yes" : "no"],
  patch: (_catalog, answers, [value = ""]) => ({
    ...answers,
    unsupported: parseYesNo(unsupported, value),
  }),
};

const storage: Question = {
  id: "storage",
  title: "Models live in",
  kind: "path",
  prompt: "Where should the models live?",
  why: "They take the most space of all that is downloaded.",
  help:
    "The Hub's cache is the folder in which all programs on this machine look for Hugging Face models, so that nothing is stored twice. " +
    "Choose Annie's own folder to keep Annie's models to herself, or type a folder on another disk.",
  flag: "--storage",
  argument: "place",
  summary:
    "where models live: hub-cache, stack-dir or a folder that begins with / (default: hub-cache)",
  environment: "HEROS_STORAGE",
  configKey: "storage",
  applies: () => true,
  options: ({ storagePaths }) => [
    option("hub-cache", "Shared with other programs (the Hub's cache)", storagePaths["hub-cache"]),
    option("stack-dir", "Annie's own folder", storagePaths["stack-dir"]),
  ],
  selected: (answers) => [answers.storage],
  patch: (_catalog, answers, [value = ""], planning) => {
    const place = planning?.expandPath(value) ?? value;
    if (isStorage(place)) return { ...answers, storage: place };
    const right = "hub-cache, stack-dir, or a folder that begins with /";
    throw badAnswer(
      storage,
      value,
      right,
      "the whole path of a folder, such as /data/models or ~/models",
    );
  },
};

const startup: Question = {
  id: "startup",
  title: "Annie starts",
  kind: "one",
  prompt: "When should Annie start?",
  why: "She can work with the first models while the rest is on its way.",
  help:
    "At once: her containers start now, she is online as soon as her first models are here, and each further ability comes as its model does. " +
    "When all is there: nothing starts before every chosen model is downloaded and checked.",
  flag: "--startup",
  argument: "when",
  summary:
    "progressive: Annie starts at once; wait: when all models are there (default: progressive)",
  environment: "HEROS_STARTUP",
  configKey: "startup",
  applies: () => true,
  options: () => [
    option("progressive", "At once", "Online with her first models; the rest follows."),
    option("wait", "When all is there", "Then everything works at once."),
  ],
  selected: (answers) => [answers.startup],
  patch: (_catalog, answers, [value = ""]) => {
    if (value !== "progressive" && value !== "wait") {
      throw badAnswer(startup, value, "progressive or wait");
    }
    return { ...answers, startup: value };
  },
};

/** Every question, in the order in which they are asked. */
export const questions: readonly Question[] = [
  unsupported,
  tiers,
  token,
  keepToken,
  storage,
  startup,
];

/** The questions to ask here: those that make sense after these answers and are not decided yet. An answer opens or closes only questions after it. */
export function openQuestions(planning: Planning, answers: Answers): readonly Question[] {
  return questions.filter(
    (question) => question.applies(planning, answers) && !planning.decided.has(question.id),
  );
}

function isStorage(value: string): value is StorageAnswer {
  return (
    value === "hub-cache" ||
    value === "stack-dir" ||
    (value.startsWith("/") && !value.includes("\0"))
  );
}

/** The first of these questions that answers from an earlier run can't settle; their number where they settle all. Consent to another machine is given anew. */
export function firstUnsettled(open: readonly Question[], answers: Answers): number {
  const refused = open.findIndex(({ id }) => id === unsupported.id && !answers.unsupported);
  return refused === -1 ? open.length : refused;
}

/** Answers before anybody answered. */
export function defaultAnswers(defaultTierIds: readonly number[]): Answers {
  return {
    unsupported: false,
    tiers: defaultTierIds,
    token: { source: "none" },
    keepToken: true,
    storage: "hub-cache",
    startup: "progressive",
  };
}
