import type { Catalog } from "../catalog/catalog.ts";
import type { Answers, QuestionId } from "./answers.ts";
import type { Planning } from "./planning.ts";

export interface Option {
  /** What the flag, the environment variable and the config file call it. */
  readonly value: string;
  readonly label: string;
  /** One line more: a size, a place, a consequence. */
  readonly detail: string;
  /** Can't be left out. */
  readonly locked: boolean;
}

/** One question: its words, its flag, its environment variable, its config key. Screens, `--help`, the config file and the docs all come from this. */
export interface Question {
  readonly id: QuestionId;
  /** `many`: any number of options. `secret`: an option, or a text that is typed unseen. `path`: an option, or an absolute path. */
  readonly kind: "confirm" | "one" | "many" | "secret" | "path";
  /** Its answer's heading in a list of answers. */
  readonly title: string;
  readonly prompt: string;
  /** One line: why it is asked. */
  readonly why: string;
  /** A paragraph for the `?` key and the docs. */
  readonly help: string;
  readonly flag: string;
  /** What the flag takes, for `--help`; null where it takes nothing. */
  readonly argument: string | null;
  /** The flag's line in `--help`. */
  readonly summary: string;
  readonly environment: string;
  readonly configKey: string;
  /** Whether it makes sense here, after these answers to the questions before it. One that is decided already is left out by the caller. */
  applies(planning: Planning, answers: Answers): boolean;
  options(planning: Planning, answers: Answers): readonly Option[];
  /** The values of the options that the answers stand for. */
  selected(answers: Answers): readonly string[];
  /**
   * The answers with these values chosen: option values, or for `path` and `secret` what was typed.
   * `planning` is there once the screen is; flags and files are read before.
   * @throws Failure `plan.bad_answer` or `tiers.unknown` that says what would be right
   */
  patch(
    catalog: Catalog,
    answers: Answers,
    values: readonly string[],
    planning?: Planning,
  ): Answers;
}
