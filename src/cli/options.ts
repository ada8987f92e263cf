import { type Command, InvalidArgumentError, Option } from "commander";
import { type Question, type QuestionId, questions } from "../plan/questions.ts";
import { settings, type SettingId } from "../plan/settings.ts";

export const outputs = ["auto", "ink", "plain", "json", "accessible"] as const;
export type Output = (typeof outputs)[number];

/** What every command takes. */
export interface CommonOptions {
  readonly output: Output;
  readonly color: boolean;
  readonly verbosity: "quiet" | "normal" | "verbose";
  readonly configFile: string | null;
  /** This process is the run in the background that another one started. */
  readonly inBackground: boolean;
  /** Flags of questions and settings, as typed. */
  readonly questionFlags: Readonly<Partial<Record<QuestionId, string>>>;
  readonly settingFlags: Readonly<Partial<Record<SettingId, string>>>;
}

/** Values of flags as commander gives them. */
export type Values = Readonly<Record<string, unknown>>;

/** Adds the flags that every command has. */
export function common(command: Command): Command {
  return command
    .addOption(new Option("--output <how>", "output format").choices(outputs).default("auto"))
    .option("--json", "the same as --output json")
    .option("--no-color", "no colours")
    .option("-q, --quiet", "print only results and problems")
    .option("-v, --verbose", "print more details")
    .option("--config <file>", "YAML file with answers and settings");
}

export function commonOptions(values: Values): CommonOptions {
  const output = outputs.find((name) => name === values["output"]) ?? "auto";
  return {
    output: values["json"] === true ? "json" : output,
    color: values["color"] !== false,
    verbosity:
      values["quiet"] === true ? "quiet" : values["verbose"] === true ? "verbose" : "normal",
    configFile: typeof values["config"] === "string" ? values["config"] : null,
    inBackground: values["inBackground"] === true,
    questionFlags: flagsOf(questions, values),
    settingFlags: flagsOf(settings, values),
  };
}

/** Adds the flags of these settings and questions. */
export function addFlags(
  command: Command,
  {
    settingIds = [],
    questionIds = [],
  }: {
    readonly settingIds?: readonly SettingId[];
    readonly questionIds?: readonly QuestionId[];
  },
): void {
  const rows: readonly Question[] = questions;
  for (const question of rows.filter(({ id }) => questionIds.some((each) => each === id))) {
    const flag =
      question.argument === null ? question.flag : `${question.flag} <${question.argument}>`;
    const isMany = question.kind === "many";
    const { otherName } = question;
    if (isMany) command.option(flag, question.summary, joined);
    else command.option(flag, question.summary);
    if (otherName !== undefined) {
      // A whole list: given again, the last one counts, so that a script's own can be overruled.
      command.option(`${otherName.flag} <${otherName.argument}>`, otherName.summary);
    }
  }
  for (const setting of settings.filter(({ id }) => settingIds.includes(id))) {
    if (setting.many === true) command.option(setting.flag, setting.help, joined);
    else command.option(setting.flag, setting.help);
    const { otherName } = setting;
    if (otherName !== undefined) command.addOption(new Option(otherName.flag).hideHelp());
  }
}

function flagsOf<Id extends string>(
  rows: readonly {
    readonly id: Id;
    readonly flag: string;
    readonly otherName?: { readonly flag: string };
  }[],
  values: Values,
) {
  const given: Partial<Record<Id, string>> = {};
  for (const { id, flag, otherName = { flag } } of rows) {
    const found = [flag, ...(otherName.flag === flag ? [] : [otherName.flag])]
      .map((each) => values[attributeName(each)])
      .filter((value) => typeof value === "string" || value === true);
    if (found.length > 0) given[id] = found.join(",");
  }
  return given;
}

/** A flag that is given again adds to what it said. */
function joined(value: string, before: string | undefined): string {
  return before === undefined ? value : `${before},${value}`;
}

/** Where commander puts the flag's value: `--stack-dir <dir>` → `stackDir`. */
function attributeName(flag: string): string {
  const name = flag.split(" ")[0] ?? flag;
  return name
    .replace(/^--/, "")
    .replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

/** @throws InvalidArgumentError */
export function factor(text: string): string {
  if (!(Number(text) > 0)) throw new InvalidArgumentError("Give a number greater than 0.");
  return text;
}
