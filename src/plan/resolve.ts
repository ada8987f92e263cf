import type { Catalog } from "../catalog/catalog.ts";
import type { Answers, QuestionId, TokenAnswer } from "./answers.ts";
import { initialAnswers, questions } from "./questions.ts";

/** Values of questions as one place gives them: the flags, the environment, the config file, or an earlier run. */
export type AnswerValues = Readonly<Partial<Record<QuestionId, readonly string[]>>>;

export interface AnswerSources {
  readonly catalog: Catalog;
  /** What an interrupted wizard left: kept, but asked again. */
  readonly remembered: AnswerValues;
  /** From the weakest to the strongest: config file, environment, flags. What stands here is not asked. */
  readonly decided: readonly AnswerValues[];
  /** Found tokens, best first. */
  readonly foundTokens: readonly TokenAnswer[];
  /** From `--token-file` and its like: decided. */
  readonly tokenFile: TokenAnswer | null;
}

export interface ResolvedAnswers {
  readonly answers: Answers;
  readonly decided: ReadonlySet<QuestionId>;
}

/**
 * Answers before anybody is asked: the defaults, then what was remembered, then what is decided.
 * @throws Failure `plan.bad_answer`, `tiers.unknown` (exit 2)
 */
export function resolveAnswers(sources: AnswerSources): ResolvedAnswers {
  const { catalog, remembered, foundTokens, tokenFile } = sources;
  const decided = new Set<QuestionId>();
  let answers: Answers = {
    ...initialAnswers(catalog),
    token: tokenFile ?? foundTokens[0] ?? { source: "none" },
  };
  if (tokenFile !== null) decided.add("token");
  for (const question of questions) {
    // A token is found, and never a value of a flag.
    if (question.kind === "secret") continue;
    const kept = remembered[question.id];
    if (kept !== undefined)
      answers = orUnchanged(answers, () => question.patch(catalog, answers, kept));
    for (const layer of sources.decided) {
      const values = layer[question.id];
      if (values === undefined) continue;
      answers = question.patch(catalog, answers, values);
      decided.add(question.id);
    }
  }
  return { answers, decided };
}

/** What to keep of answers for the next time: everything but tokens and consent. */
export function rememberable(answers: Answers): AnswerValues {
  return Object.fromEntries(
    questions
      .filter((question) => question.remembered)
      .map((question) => [question.id, question.selected(answers)]),
  );
}

/** A remembered answer may no longer fit the catalog; then the default stands. */
function orUnchanged(answers: Answers, change: () => Answers): Answers {
  try {
    return change();
  } catch {
    return answers;
  }
}
