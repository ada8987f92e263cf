import type { Catalog } from "../catalog/catalog.ts";
import { completeTiers, defaultTiers } from "../catalog/select.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { Secret } from "../run/secret.ts";
import { formatBytes, formatEta } from "../run/units.ts";
import type { Circumstances, Startup, StorageAnswer, TokenAnswer } from "./answers.ts";

export interface Option {
  /** What the flag, the environment variable and the config file call it. */
  readonly value: string;
  readonly label: string;
  /** One line more: a size, a place, a consequence. */
  readonly detail: string;
  /** Can't be left out. */
  readonly locked: boolean;
}

/**
 * One question, with all that is known of it. `Answers`, the wizard, the accessible writer, the state folder, `--help`, the
 * environment, the config file, the summary and the docs all come from its row: to add a question is to add a row.
 */
export interface Question<Id extends string = string, Answer = unknown> {
  readonly id: Id;
  /**
   * `confirm`: consent, without which heros stops; it is never kept. `many`: any number of options.
   * `secret`: an option, or a text that is typed unseen; outside of screens a file that holds it. `path`: an option, or an absolute path.
   */
  readonly kind: "confirm" | "one" | "many" | "secret" | "path";
  /** Its answer's heading in a list of answers. */
  readonly title: string;
  readonly prompt: string;
  /** One line: why it is asked. */
  readonly why: string;
  /** A paragraph for the `?` key and the docs. */
  readonly help: string;
  /** What is shown with it: what the choice adds up to, or how this machine stands against what Annie wants. */
  readonly facts?: "totals" | "suitability";
  readonly flag: string;
  /** What the flag takes, for `--help`; null where it takes nothing. */
  readonly argument: string | null;
  /** The flag's line in `--help`. */
  readonly summary: string;
  readonly environment: string;
  readonly configKey: string;
  /** Whether the next setup begins with this answer, out of the state folder. */
  readonly remembered: boolean;
  /** The answer before anybody answered. */
  initial(catalog: Catalog): Answer;
  /** Whether an earlier run's answers settle it; left out where they always do. */
  isSettled?(answers: Answers): boolean;
  /** Whether it makes sense here, after these answers to the questions before it. One that is decided already is left out by the caller. */
  applies(circumstances: Circumstances, answers: Answers): boolean;
  options(circumstances: Circumstances, answers: Answers): readonly Option[];
  /** The values of the options that the answers stand for. */
  selected(answers: Answers): readonly string[];
  /**
   * The answer that these values mean: option values, or for `path` and `secret` what was typed.
   * `circumstances` are there once the screen is; flags and files are read before.
   * @throws Failure `plan.bad_answer` or `tiers.unknown` that says what would be right
   */
  parse(values: readonly string[], catalog: Catalog, circumstances?: Circumstances): Answer;
  /** Its line in the summary; null where other lines of the plan say it already. */
  planLine(answers: Answers): string | null;
  /** What the Hub is asked about before the answer is taken over; null where there is nothing to ask. */
  secret?(answers: Answers): Secret | null;
}

/** An option that can be left out. */
function option(value: string, label: string, detail: string): Option {
  return { value, label, detail, locked: false };
}

/** @throws Failure `plan.bad_answer` (exit 2) */
function parseYesNo(question: Question, value: string): boolean {
  if (/^(yes|true|1)$/i.test(value)) return true;
  if (/^(no|false|0)$/i.test(value)) return false;
  throw badAnswer(question, value, "yes or no");
}

/** A value that was given for the question, and what is valid. */
function badAnswer(question: Question, value: string, right: string): Failure {
  const { flag, environment, configKey } = question;
  return failure("plan.bad_answer", { value, right, given: { flag, environment, configKey } });
}

const tiers: Question<"tiers", readonly number[]> = {
  id: "tiers",
  remembered: true,
  initial: defaultTiers,
  title: "Annie can do",
  kind: "many",
  prompt: "What should Annie be able to do?",
  why: "Each choice is a set of models to download; you can add one later.",
  help:
    "Annie needs the first set to be of any use, so it always comes, and comes first. " +
    "The others are fetched after it, while she works already. " +
    "Run heros setup again at any time to add a set: what is there is not fetched twice.",
  facts: "totals",
  flag: "--tiers",
  argument: "list",
  summary: "sets of models, as 1,2 (default: the required and the important ones)",
  environment: "HEROS_TIERS",
  configKey: "tiers",
  applies: ({ catalog }) => catalog.tiers.some((tier) => !tier.required),
  options: (circumstances) =>
    circumstances.catalog.tiers.map((tier) => tierOption(circumstances, tier.id)),
  selected: (answers) => answers.tiers.map(String),
  parse: (values, catalog) => completeTiers(catalog, parseTiers(values)),
  planLine: () => null,
};

/**
 * Tier ids as people write them: `1,2`.
 * @throws Failure `plan.bad_answer` (exit 2)
 */
export function parseTiers(values: readonly string[]): number[] {
  const ids = values.flatMap((value) => value.split(/[\s,]+/)).filter((value) => value !== "");
  const wrong = ids.find((id) => !/^\d+$/.test(id));
  if (wrong !== undefined || ids.length === 0) {
    throw badAnswer(tiers, wrong ?? "", "numbers separated by commas, for example 1,2");
  }
  return ids.map(Number);
}

function tierOption(circumstances: Circumstances, id: number): Option {
  const tier = circumstances.catalog.tiers.find((candidate) => candidate.id === id);
  const models = circumstances.models.filter((model) => model.tier === id);
  const memoryGib = circumstances.catalog.models
    .filter((model) => model.tier === id)
    .reduce((sum, model) => sum + model.memoryGib, 0);
  const total = models.reduce((sum, model) => sum + model.totalBytes, 0);
  const missing = models.reduce((sum, model) => sum + model.totalBytes - model.cachedBytes, 0);
  const details = [
    total === 0 ? "size not known yet" : formatBytes(total),
    `${Number(memoryGib.toFixed(1))} GiB of memory`,
    ...(total > 0 && missing === 0 ? ["here already"] : []),
    ...(missing > 0 && missing < total ? [`${formatBytes(total - missing)} here already`] : []),
    ...(missing > 0 && circumstances.bytesPerSecond !== null
      ? [`about ${formatEta(missing / circumstances.bytesPerSecond)}`]
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

const token: Question<"token", TokenAnswer> = {
  id: "token",
  remembered: false,
  initial: () => ({ source: "none" }),
  title: "Hugging Face token",
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
  parse: ([value = ""], _catalog, circumstances) => {
    if (value === "none") return { source: "none" };
    const found = circumstances?.tokens.find(({ answer }) => answer.source === value);
    if (found !== undefined) return found.answer;
    const pasted = value.trim();
    if (!/^[\x21-\x7e]{8,}$/.test(pasted)) throw failure("plan.bad_answer", "token");
    return { source: "pasted", token: new Secret(pasted) };
  },
  planLine: () => null,
  secret: ({ token: answer }) => (answer.source === "none" ? null : answer.token),
};

const keepToken: Question<"keepToken", boolean> = {
  id: "keepToken",
  remembered: true,
  initial: () => true,
  title: "The token afterwards",
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
  applies: (_circumstances, { token: { source } }) => source !== "none" && source !== "kept",
  options: () => [
    option("yes", "Keep it", "In Annie's folder, where only you can read it."),
    option("no", "Use it for this run only", "No file is written with it."),
  ],
  selected: (answers) => [answers.keepToken ? "yes" : "no"],
  parse: ([value = ""]) => parseYesNo(keepToken, value),
  planLine: () => null,
};

/** A model whose size nobody tells without a token is one that needs one. */
function withoutToken(models: Circumstances["models"]): string {
  const closed = models.filter(({ totalBytes }) => totalBytes === 0).map(({ title }) => title);
  return closed.length === 0
    ? "Enough for all of Annie's models."
    : `Not enough for ${closed.join(", ")}: the Hub shows them only to who has accepted their terms.`;
}

const unsupported: Question<"unsupported", boolean> = {
  id: "unsupported",
  remembered: false,
  initial: () => false,
  isSettled: (answers) => answers.unsupported,
  title: "On another machine",
  kind: "confirm",
  prompt: "This does not look like a DGX Spark. Go on all the same?",
  why: "Annie is made for it; elsewhere she may be slow, or not start at all.",
  help:
    "heros looks for the Spark's GPU and for the names that NVIDIA and its partners give the machine. " +
    "If you know that this machine is right, or want to try, go on: nothing on it is changed before you say yes to the summary.",
  facts: "suitability",
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
  parse: ([value = ""]) => parseYesNo(unsupported, value),
  planLine: () => null,
};

const storage: Question<"storage", StorageAnswer> = {
  id: "storage",
  remembered: true,
  initial: () => "hub-cache",
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
  parse: ([value = ""], _catalog, circumstances) => {
    const place = circumstances?.expandPath(value) ?? value;
    if (isStorage(place)) return place;
    if (circumstances !== undefined) {
      const right = "an absolute path, for example /data/models or ~/models";
      throw failure("plan.bad_answer", { value, right, given: null });
    }
    throw badAnswer(storage, value, "hub-cache, stack-dir, or an absolute path");
  },
  planLine: () => null,
};

const startup: Question<"startup", Startup> = {
  id: "startup",
  remembered: true,
  initial: () => "progressive",
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
  parse: ([value = ""]) => {
    if (value === "progressive" || value === "wait") return value;
    throw badAnswer(startup, value, "progressive or wait");
  },
  planLine: () => null,
};

function isStorage(value: string): value is StorageAnswer {
  return (
    value === "hub-cache" ||
    value === "stack-dir" ||
    (value.startsWith("/") && !value.includes("\0"))
  );
}

/** Every question, in the order in which they are asked. */
export const questions = [unsupported, tiers, token, keepToken, storage, startup] as const;

type Row = (typeof questions)[number];

export type QuestionId = Row["id"];

/** One answer to each question. */
export type Answers = {
  readonly [Id in QuestionId]: ReturnType<Extract<Row, { readonly id: Id }>["initial"]>;
};

/** The questions to ask here: those that make sense after these answers and are not decided yet. An answer opens or closes only questions after it. */
export function openQuestions(
  circumstances: Circumstances & { readonly decided: ReadonlySet<string> },
  answers: Answers,
): readonly Question[] {
  return questions.filter(
    ({ id, applies }) => applies(circumstances, answers) && !circumstances.decided.has(id),
  );
}

/** Answers before anybody answered. */
export function initialAnswers(catalog: Catalog): Answers {
  return questions.reduce(
    (answers, { id, initial }) => ({ ...answers, [id]: initial(catalog) }),
    {} as Answers,
  );
}

/**
 * The answers with these values as the one to this question.
 * @throws Failure `plan.bad_answer`, `tiers.unknown` (exit 2)
 */
export function withAnswer(
  answers: Answers,
  { id, parse }: Question,
  ...given: Parameters<Question["parse"]>
): Answers {
  return { ...answers, [id]: parse(...given) };
}
