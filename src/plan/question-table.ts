import { completeTiers } from "../catalog/select.ts";
import { Failure, exitCodes } from "../progress/failure.ts";
import { Secret } from "../progress/secret.ts";
import { formatBytes, formatEta } from "../progress/units.ts";
import type { Answers, StorageAnswer } from "./answers.ts";
import type { Planning } from "./planning.ts";
import type { Option, Question } from "./questions.ts";

const unsupported: Question = {
  id: "unsupported",
  kind: "confirm",
  prompt: "This does not look like a DGX Spark. Go on all the same?",
  why: "her-os is made for the GB10; elsewhere it may be slow, or not start at all.",
  help:
    "heros looks for a GB10 GPU and for the names that NVIDIA and its partners give the machine. " +
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

const tiers: Question = {
  id: "tiers",
  kind: "many",
  prompt: "What should Annie be able to do?",
  why: "Each choice is a set of models to download; you can add one later.",
  help:
    "Annie needs the first set to be of any use, so it always comes, and comes first. " +
    "The others are fetched after it, while she works already. " +
    "Run heros setup again at any time to add a set: what is there is not fetched twice.",
  flag: "--tiers",
  argument: "list",
  summary: "sets of models, as 1,2 (default: the required and the important ones)",
  environment: "HEROS_TIERS",
  configKey: "tiers",
  applies: ({ catalog }) => catalog.tiers.some((tier) => !tier.required),
  options: (planning) => planning.catalog.tiers.map((tier) => tierOption(planning, tier.id)),
  selected: (answers) => answers.tiers.map(String),
  patch: (catalog, answers, values) => {
    return { ...answers, tiers: completeTiers(catalog, parseTiers(values)) };
  },
};

const token: Question = {
  id: "token",
  kind: "secret",
  prompt: "Use a Hugging Face token?",
  why: "Annie's own models need none; with one the Hub allows more requests an hour.",
  help:
    "The Hugging Face Hub is where the models are. A token says who you are; it is needed only for models whose terms you had to accept. " +
    "A token that you use here is checked with the Hub and sent to the Hub alone. Whether it is kept is asked next.",
  flag: "--token-file",
  argument: "file",
  summary: "file that holds a Hugging Face token (default: HF_TOKEN, else the Hub's token file)",
  environment: "HEROS_TOKEN_FILE",
  configKey: "tokenFile",
  applies: () => true,
  options: ({ tokens, models }) => [
    ...tokens.map(({ answer, where }) =>
      option(answer.source, `Use the token found in ${where}`, "It is not shown."),
    ),
    option("none", "Go on without one", withoutToken(models)),
    option("pasted", "Paste a token", "It stays hidden while you paste."),
  ],
  selected: (answers) => [answers.token.source],
  patch: (_catalog, answers, [value = ""], planning) => {
    if (value === "none") return { ...answers, token: { source: "none" } };
    const found = planning?.tokens.find(({ answer }) => answer.source === value);
    if (found !== undefined) return { ...answers, token: found.answer };
    const pasted = value.trim();
    if (!/^[\x21-\x7e]{8,}$/.test(pasted)) {
      throw new Failure({
        code: "plan.bad_answer",
        message: "That is not a Hugging Face token.",
        hint: "A token is one word that begins with hf_. Copy it again from your Hugging Face settings.",
        exitCode: exitCodes.usage,
      });
    }
    return { ...answers, token: { source: "pasted", token: new Secret(pasted) } };
  },
};

const keepToken: Question = {
  id: "keepToken",
  kind: "one",
  prompt: "Keep the token for the next time?",
  why: "Annie does not need it; heros would find it again when you add models later.",
  help:
    "Keep it: it is written to secrets/hf_token in Annie's folder, a file that only you can read. " +
    "For this run only: it is in no file and is forgotten when heros ends. A token that was kept before stays until you delete that file.",
  flag: "--keep-token",
  argument: "choice",
  summary:
    "yes: the token is kept in the stack's folder; no: it is used for this run only (default: yes)",
  environment: "HEROS_KEEP_TOKEN",
  configKey: "keepToken",
  applies: (_planning, { token: { source } }) => source !== "none" && source !== "kept",
  options: () => [
    option("yes", "Keep it", "In Annie's folder, in a file that only you can read."),
    option("no", "Use it for this run only", "No file is written with it."),
  ],
  selected: (answers) => [answers.keepToken ? "yes" : "no"],
  patch: (_catalog, answers, [value = ""]) => ({
    ...answers,
    keepToken: parseYesNo(keepToken, value),
  }),
};

const storage: Question = {
  id: "storage",
  kind: "path",
  prompt: "Where should the models live?",
  why: "They take the most space; every program that uses the Hub's cache can share them there.",
  help:
    "The Hub's cache is the folder in which all programs that use Hugging Face models look, so nothing is stored twice. " +
    "Choose the stack's folder to keep Annie's models to herself, or type a folder on another disk.",
  flag: "--storage",
  argument: "place",
  summary:
    "where models live: hub-cache, stack-dir or a folder that begins with / (default: hub-cache)",
  environment: "HEROS_STORAGE",
  configKey: "storage",
  applies: () => true,
  options: ({ storagePaths }) => [
    option("hub-cache", "The Hub's cache", storagePaths["hub-cache"]),
    option("stack-dir", "Annie's own folder", storagePaths["stack-dir"]),
  ],
  selected: (answers) => [answers.storage],
  patch: (_catalog, answers, [value = ""]) => {
    if (!isStorage(value)) {
      throw badAnswer(storage, value, "hub-cache, stack-dir, or a folder that begins with /");
    }
    return { ...answers, storage: value };
  },
};

const startup: Question = {
  id: "startup",
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
    option("progressive", "At once", "Online with the first models; the rest follows."),
    option("wait", "When all is there", "Everything works from the first moment."),
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

/**
 * Tier ids as people write them: `1,2`.
 * @throws Failure `plan.bad_answer` (exit 2)
 */
export function parseTiers(values: readonly string[]): number[] {
  const ids = values.flatMap((value) => value.split(/[\s,]+/)).filter((value) => value !== "");
  const wrong = ids.find((id) => !/^\d+$/.test(id));
  if (wrong !== undefined || ids.length === 0) {
    throw badAnswer(tiers, wrong ?? "", "numbers with commas between, as in 1,2");
  }
  return ids.map(Number);
}

function tierOption(planning: Planning, id: number): Option {
  const tier = planning.catalog.tiers.find((candidate) => candidate.id === id);
  const models = planning.models.filter((model) => model.tier === id);
  const memoryGib = planning.catalog.models
    .filter((model) => model.tier === id)
    .reduce((sum, model) => sum + model.memoryGib, 0);
  const total = models.reduce((sum, model) => sum + model.totalBytes, 0);
  const missing = models.reduce((sum, model) => sum + model.totalBytes - model.cachedBytes, 0);
  const details = [
    total === 0 ? "size not known yet" : formatBytes(total),
    `${Number(memoryGib.toFixed(1))} GiB of memory`,
    ...(total > 0 && missing === 0 ? ["here already"] : []),
    ...(missing > 0 && missing < total ? [`${formatBytes(missing)} to fetch`] : []),
    ...(missing > 0 && planning.bytesPerSecond !== null
      ? [`about ${formatEta(missing / planning.bytesPerSecond)}`]
      : []),
  ];
  const gains = models.map((model) => model.purpose).filter((purpose) => purpose !== "");
  return {
    value: String(id),
    label: gains.length > 0 ? gains.join("; ") : (tier?.name ?? `Tier ${id}`),
    detail: `${tier?.name ?? `Tier ${id}`}: ${details.join(", ")}`,
    locked: tier?.required ?? false,
  };
}

/** A model whose size nobody tells without a token is one that needs one. */
function withoutToken(models: Planning["models"]): string {
  const closed = models.filter(({ totalBytes }) => totalBytes === 0).map(({ title }) => title);
  return closed.length === 0
    ? "Enough for all of Annie's models."
    : `Not enough for ${closed.join(", ")}: the Hub shows them only to who has accepted their terms.`;
}

function parseYesNo(question: Question, value: string): boolean {
  if (/^(yes|true|1)$/i.test(value)) return true;
  if (/^(no|false|0)$/i.test(value)) return false;
  throw badAnswer(question, value, "yes or no");
}

function isStorage(value: string): value is StorageAnswer {
  return (
    value === "hub-cache" ||
    value === "stack-dir" ||
    (value.startsWith("/") && !value.includes("\0"))
  );
}

function option(value: string, label: string, detail: string): Option {
  return { value, label, detail, locked: false };
}

function badAnswer(question: Question, value: string, right: string): Failure {
  return new Failure({
    code: "plan.bad_answer",
    message: `"${value}" is no answer to "${question.prompt}"`,
    hint: `Give ${right} (${question.flag}, ${question.environment}, or ${question.configKey} in the config file).`,
    exitCode: exitCodes.usage,
  });
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
