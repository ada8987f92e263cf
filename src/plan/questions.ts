import { type Catalog, completeGroups, defaultGroups, unknownGroup } from "../catalog/catalog.ts";
import type { Failure } from "../run/failure.ts";
import { failure } from "../run/failures/table.ts";
import { Secret } from "../run/secret.ts";
import type { Circumstances, OptionFacts, Startup, TokenAnswer } from "./answers.ts";
import {
  bootText,
  groupOption,
  isGated,
  option,
  type Option,
  rightStartup,
  startupOptions,
  startups,
  withoutToken,
} from "./options.ts";
import { isStorage, mountLine, mountOf, type StorageAnswer, volumeOption } from "./storage.ts";
import type { OtherName } from "./settings.ts";

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
  /** What is shown with it: what the choice adds up to, or how this machine stands against what the stack wants. */
  readonly facts?: "totals" | "suitability";
  readonly flag: string;
  /** What the flag takes, for `--help`; null where it takes nothing. */
  readonly argument: string | null;
  /** The flag's line in `--help`. */
  readonly summary: string;
  readonly environment: string;
  readonly configKey: string;
  /** It is known by these too. */
  readonly otherName?: OtherName;
  /** Whether the next setup begins with this answer, out of the state folder. */
  readonly remembered: boolean;
  /** The answer before anybody answered. */
  initial(catalog: Catalog): Answer;
  /** Whether an earlier run's answers settle it; left out where they always do. */
  isSettled?(answers: Answers): boolean;
  /** Whether it makes sense here, after these answers to the questions before it. One that is decided already is left out by the caller. */
  applies(circumstances: Circumstances, answers: Answers): boolean;
  options(facts: OptionFacts, answers: Answers): readonly Option[];
  /** The values of the options that the answers stand for. */
  selected(answers: Answers): readonly string[];
  /**
   * The answer that these values mean: option values, or for `path` and `secret` what was typed.
   * `circumstances` are there once the screen is; flags and files are read before.
   * @throws Failure `plan.bad_answer` or `groups.unknown` that says what would be right
   */
  parse(values: readonly string[], catalog: Catalog, circumstances?: Circumstances): Answer;
  /** Its line in the summary; null where other lines of the plan say it already. */
  planLine(answers: Answers): string | null;
  /** What the Hub is asked about before the answer is taken over; null where there is nothing to ask. */
  secret?(answers: Answers): Secret | null;
  /** Whether the answer is a folder that was typed, which is looked at before it is taken over. */
  typesFolder?(answers: Answers): boolean;
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

const groups: Question<"groups", readonly string[]> = {
  id: "groups",
  remembered: true,
  initial: defaultGroups,
  title: "Sets",
  kind: "many",
  prompt: "What should {assistant} be able to do?",
  why: "Each choice downloads a set of models. You can add more later.",
  help:
    "The required set downloads first; {assistant} works while the others download. " +
    "To add a set later, run heros setup again: existing files are reused. " +
    "Downloads and disks are in GB, as on the Hub; memory is in GiB, as Linux counts it. 1 GiB is 1.07 GB.",
  facts: "totals",
  flag: "--group",
  argument: "id,…",
  summary: "sets of models, by name (default: the required and the recommended ones)",
  environment: "HEROS_GROUP",
  configKey: "groups",
  otherName: {
    flag: "--tiers",
    argument: "list",
    summary: "the same by number, such as 1,2",
    environment: "HEROS_TIERS",
    configKey: "tiers",
  },
  applies: ({ catalog }) => catalog.groups.some(({ required, choice }) => choice && !required),
  options: (facts) =>
    facts.catalog.groups.filter(({ choice }) => choice).map(({ id }) => groupOption(facts, id)),
  selected: (answers) => answers.groups,
  parse: (values, catalog) => completeGroups(catalog, parseGroups(values, catalog)),
  planLine: () => null,
};

/**
 * Groups as people write them: `listen,think-deeper`, or `1,2` by their priorities, where several may have the same.
 * @throws Failure `plan.bad_answer`, `groups.unknown` (exit 2)
 */
export function parseGroups(
  values: readonly string[],
  catalog: Pick<Catalog, "groups">,
): readonly string[] {
  const words = values.flatMap((value) => value.split(/[\s,]+/)).filter((value) => value !== "");
  const choices = catalog.groups.filter(({ choice }) => choice);
  const wrong = words.find((word) => !/^[\w.-]+$/.test(word));
  if (wrong !== undefined || words.length === 0) {
    const [one = "", other] = choices.map(({ id }) => id);
    const example = other === undefined ? one : `${one},${other}`;
    throw badAnswer(
      groups,
      wrong ?? "",
      `names separated by commas, for example ${example}, or numbers, for example 1,2`,
    );
  }
  return words.flatMap((word) => {
    const named = choices.filter(({ id }) => id === word);
    const found =
      named.length > 0 ? named : choices.filter(({ priority }) => String(priority) === word);
    if (found.length === 0) throw unknownGroup(catalog, word);
    return found.map(({ id }) => id);
  });
}

const token: Question<"token", TokenAnswer> = {
  id: "token",
  remembered: false,
  initial: () => ({ source: "none" }),
  title: "Token",
  kind: "secret",
  prompt: "Use a Hugging Face token?",
  why: "The models don't need one; a token raises the Hub's rate limit.",
  help:
    "The models are downloaded from the Hugging Face Hub; a token tells it who you are. Only gated models need a token. " +
    "A token that you use here is checked with the Hub and sent nowhere else. Next you choose whether to save it.",
  flag: "--token-file",
  argument: "file",
  summary: "file that holds a Hugging Face token (default: HF_TOKEN, else the Hub's token file)",
  environment: "HEROS_TOKEN_FILE",
  configKey: "tokenFile",
  applies: () => true,
  options: ({ tokens, models }) => [
    ...tokens.map(({ answer: { source }, where }, index) =>
      option(
        source,
        `Use the token in ${where}`,
        "Found on this machine; never shown.",
        index === 0,
      ),
    ),
    option("none", "No token", withoutToken(models), tokens.length === 0 && !models.some(isGated)),
    option("pasted", "Paste a token", "The token itself is never shown."),
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
  title: "Save the token",
  kind: "one",
  prompt: "Save the token for next time?",
  why: "The stack doesn't need it; heros can use it when you add models later.",
  help:
    "Yes: the token is saved to secrets/hf_token in the stack's folder, a file that only you can read. " +
    "No: it is used for this run and written nowhere. A token that was saved before stays until you delete that file.",
  flag: "--keep-token",
  argument: "choice",
  summary: "whether to save the token in the stack's folder: yes or no (default: yes)",
  environment: "HEROS_KEEP_TOKEN",
  configKey: "keepToken",
  applies: (_circumstances, { token: { source } }) => source !== "none" && source !== "kept",
  options: () => [
    option("yes", "Save it", "In the stack's folder, in a file that only you can read."),
    option("no", "Use it for this run only", "It is not written to any file."),
  ],
  selected: (answers) => [answers.keepToken ? "yes" : "no"],
  parse: ([value = ""]) => parseYesNo(keepToken, value),
  planLine: () => null,
};

const unsupported: Question<"unsupported", boolean> = {
  id: "unsupported",
  remembered: false,
  initial: () => false,
  isSettled: (answers) => answers.unsupported,
  title: "Other machine",
  kind: "confirm",
  prompt: "This does not look like a DGX Spark. Continue anyway?",
  why: "{assistant} is made for the DGX Spark; elsewhere it may be slow, or not start.",
  help:
    "heros looks for the Spark's GPU and for the product names that NVIDIA and its partners use. " +
    "If you know that this machine is right, or want to try, continue: nothing is changed until you confirm the plan.",
  facts: "suitability",
  flag: "--allow-unsupported",
  argument: null,
  summary: "continue on a machine that is not a DGX Spark",
  environment: "HEROS_ALLOW_UNSUPPORTED",
  configKey: "allowUnsupported",
  applies: ({ machine }) => !machine.spark,
  options: () => [
    option("no", "Quit", "Nothing has been changed."),
    option("yes", "Continue", "{assistant} may be slow, or not start."),
  ],
  selected: (answers) => [answers.unsupported ? "yes" : "no"],
  parse: ([value = ""]) => parseYesNo(unsupported, value),
  planLine: () => null,
};

const storage: Question<"storage", StorageAnswer> = {
  id: "storage",
  remembered: true,
  initial: () => "hub-cache",
  title: "Model folder",
  kind: "path",
  prompt: "Where should models be stored?",
  why: "Models are the largest part of the download.",
  help:
    "The Hub cache is where other programs on this machine look for Hugging Face models too, so nothing is stored twice. " +
    "Choose the stack's own folder to keep its models apart, or type a folder on another disk. " +
    "volume:NAME keeps them in a Docker volume, nfs:HOST:/PATH on an NFS server that other machines share.",
  flag: "--storage",
  argument: "place",
  summary:
    "where models are stored: hub-cache, stack-dir, a folder that begins with /, volume:NAME or nfs:HOST:/PATH (default: hub-cache)",
  environment: "HEROS_STORAGE",
  configKey: "storage",
  applies: () => true,
  options: ({ storagePaths, volumes }) => [
    ...volumes.map((volume, index) => ({ ...volumeOption(volume), recommended: index === 0 })),
    option("hub-cache", "Shared Hub cache", storagePaths["hub-cache"], volumes.length === 0),
    option("stack-dir", "The stack's own folder", storagePaths["stack-dir"]),
  ],
  selected: (answers) => [answers.storage],
  parse: ([value = ""], _catalog, circumstances) => {
    const place = circumstances?.expandPath(value) ?? value;
    if (isStorage(place)) return place;
    if (circumstances !== undefined) {
      const right =
        "an absolute path, for example /data/models or ~/models, or volume:NAME, or nfs:HOST:/PATH";
      throw failure("plan.bad_answer", { value, right, given: null });
    }
    throw badAnswer(
      storage,
      value,
      "hub-cache, stack-dir, an absolute path, volume:NAME or nfs:HOST:/PATH",
    );
  },
  planLine: ({ storage: place }) => mountLine(place),
  typesFolder: ({ storage: place }) => place.startsWith("/") || mountOf(place).kind !== "folder",
};

const startup: Question<"startup", Startup> = {
  id: "startup",
  remembered: true,
  initial: () => "progressive",
  title: "Start",
  kind: "one",
  prompt: "When should {assistant} start?",
  why: "It can work with the required models while the rest download.",
  help:
    "Right away: its containers start now. It is online once the required models are downloaded, and can do more as each of the others is ready. " +
    "After all downloads finish: nothing starts until every chosen model is downloaded and verified. " +
    "With a warm-up container: the same, and at each docker compose up a container first looks for the models and downloads missing ones, so that {assistant} always starts complete, without heros too.",
  flag: "--startup",
  argument: "when",
  summary:
    "when it starts: progressive (right away), wait (after all downloads finish) or warmup (wait, and check the models at each start) (default: progressive)",
  environment: "HEROS_STARTUP",
  configKey: "startup",
  applies: () => true,
  options: ({ catalog }) => startupOptions(catalog),
  selected: (answers) => [answers.startup],
  parse: ([value = ""], catalog) => {
    const found = startups(catalog).find((each) => each === value);
    if (found !== undefined) return found;
    throw badAnswer(startup, value, rightStartup(value, catalog));
  },
  planLine: () => null,
};

const resumeAtBoot: Question<"resumeAtBoot", boolean> = {
  id: "resumeAtBoot",
  remembered: true,
  initial: () => false,
  title: "Continue after a reboot",
  kind: "one",
  prompt: "Continue an unfinished setup after a reboot?",
  why: "If this machine restarts during the download, heros can continue by itself.",
  help:
    "Yes: until {assistant} is online, a systemd user service (~/.config/systemd/user/heros-resume.service) runs heros setup with these answers when you log in after a reboot, or at boot after loginctl enable-linger. " +
    "heros removes it when {assistant} is online; heros uninstall removes it, too. " +
    "No: nothing is written; after a reboot, run heros, and it continues where it stopped. " +
    "Containers that were started come back after a reboot either way.",
  flag: "--resume-at-boot",
  argument: "choice",
  summary:
    "whether a systemd user service continues an unfinished setup after a reboot: yes or no (default: no)",
  environment: "HEROS_RESUME_AT_BOOT",
  configKey: "resumeAtBoot",
  applies: ({ bootService }) => bootService !== null,
  options: ({ bootService }) => [
    option("yes", "Yes", bootText(bootService), true),
    option("no", "No", "After a reboot, run heros: it continues where it stopped."),
  ],
  selected: (answers) => [answers.resumeAtBoot ? "yes" : "no"],
  parse: ([value = ""]) => parseYesNo(resumeAtBoot, value),
  planLine: () => null,
};

/** Every question, in the order in which they are asked. */
export const questions = [
  unsupported,
  groups,
  token,
  keepToken,
  storage,
  startup,
  resumeAtBoot,
] as const;

type Row = (typeof questions)[number];

export type QuestionId = Row["id"];

/** The flag, variable and key by which a question is known, and its others; the first is the usual one. */
export function namesOf({
  flag,
  environment,
  configKey,
  otherName,
}: Pick<Question, "flag" | "environment" | "configKey" | "otherName">): readonly Pick<
  Question,
  "flag" | "environment" | "configKey"
>[] {
  const own = { flag, environment, configKey };
  return otherName === undefined ? [own] : [own, otherName];
}

/** One answer to each question. */
export type Answers = {
  readonly [Id in QuestionId]: ReturnType<Extract<Row, { readonly id: Id }>["initial"]>;
};

/** Answers before anybody answered. */
export function initialAnswers(catalog: Catalog): Answers {
  return questions.reduce(
    (answers, { id, initial }) => ({ ...answers, [id]: initial(catalog) }),
    {} as Answers,
  );
}

/**
 * The answers with these values as the one to this question.
 * @throws Failure `plan.bad_answer`, `groups.unknown` (exit 2)
 */
export function withAnswer(
  answers: Answers,
  { id, parse }: Question,
  ...given: Parameters<Question["parse"]>
): Answers {
  return { ...answers, [id]: parse(...given) };
}
