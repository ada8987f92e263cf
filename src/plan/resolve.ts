import { type Catalog, completeGroups } from "../catalog/catalog.ts";
import type { TokenAnswer } from "./answers.ts";
import {
  type Answers,
  initialAnswers,
  type Question,
  type QuestionId,
  questions,
  withAnswer,
} from "./questions.ts";

/** Values of questions as one place gives them: the flags, the environment, the config file, or an earlier run. */
export type AnswerValues = Readonly<Partial<Record<QuestionId, readonly string[]>>>;

export interface AnswerSources {
  readonly catalog: Catalog;
  /** What an interrupted wizard left: kept, but asked again. */
  readonly remembered: AnswerValues;
  /** Groups that the stack's own `.env` switches on or off: asked again, as what is remembered. */
  readonly enabledGroups?: ReadonlyMap<string, boolean>;
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
 * @throws Failure `plan.bad_answer`, `groups.unknown` (exit 2)
 */
export function resolveAnswers(sources: AnswerSources): ResolvedAnswers {
  const { catalog, remembered, foundTokens, tokenFile } = sources;
  const decided = new Set<QuestionId>();
  const initial = initialAnswers(catalog);
  let answers: Answers = { ...initial, token: tokenFile ?? foundTokens[0] ?? initial.token };
  if (tokenFile !== null) decided.add("token");
  for (const question of questions) {
    // What is given for it is the name of a file, which was read already.
    if (question.kind === "secret") continue;
    const kept = question.remembered ? remembered[question.id] : undefined;
    if (kept !== undefined) answers = orUnchanged(answers, { question, values: kept, catalog });
    if (question.id === "groups") answers = withEnabled(answers, sources);
    for (const layer of sources.decided) {
      const values = layer[question.id];
      if (values === undefined) continue;
      answers = withAnswer(answers, question, values, catalog);
      decided.add(question.id);
    }
  }
  return { answers, decided };
}

function withEnabled(answers: Answers, { catalog, enabledGroups }: AnswerSources): Answers {
  if (enabledGroups === undefined || enabledGroups.size === 0) return answers;
  const kept = answers.groups.filter((group) => enabledGroups.get(group) !== false);
  const added = [...enabledGroups].flatMap(([group, isOn]) => (isOn ? [group] : []));
  return { ...answers, groups: completeGroups(catalog, [...kept, ...added]) };
}

/** What to keep of answers for the next time: never a token, nor consent. */
export function rememberable(answers: Answers): AnswerValues {
  return Object.fromEntries(
    questions
      .filter(({ remembered }) => remembered)
      .map(({ id, selected }) => [id, selected(answers)]),
  );
}

/** A remembered answer may no longer fit the catalog; then the default stands. */
function orUnchanged(
  answers: Answers,
  remembered: {
    readonly question: Question;
    readonly values: readonly string[];
    readonly catalog: Catalog;
  },
): Answers {
  try {
    return withAnswer(answers, remembered.question, remembered.values, remembered.catalog);
  } catch {
    return answers;
  }
}
