import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { QuestionId } from "../plan/answers.ts";
import { questions } from "../plan/question-table.ts";
import { settings, type SettingId } from "../plan/settings.ts";
import { exitCodes, Failure } from "../progress/failure.ts";

export const outputs = ["auto", "ink", "plain", "json", "accessible"] as const;
export type Output = (typeof outputs)[number];

/** What every command takes. */
export interface CommonOptions {
  readonly output: Output;
  readonly color: boolean;
  readonly verbosity: "quiet" | "normal" | "verbose";
  readonly configFile: string | null;
  /** Flags of questions and settings, as typed. */
  readonly questionFlags: Readonly<Partial<Record<QuestionId, string>>>;
  readonly settingFlags: Readonly<Partial<Record<SettingId, string>>>;
}

export interface SetupCommand extends CommonOptions {
  readonly name: "setup";
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly demo: { readonly speed: string; readonly keep: boolean } | null;
}

export interface PullCommand extends CommonOptions {
  readonly name: "pull";
  readonly models: readonly string[];
  readonly all: boolean;
}

export interface DoctorCommand extends CommonOptions {
  readonly name: "doctor";
}

export type HerosCommand = SetupCommand | PullCommand | DoctorCommand;

/** What the arguments ask for: a command, or a text that answers at once (`--help`). */
export type Parsed =
  | { readonly kind: "command"; readonly command: HerosCommand }
  | { readonly kind: "text"; readonly text: string };

type Values = Readonly<Record<string, unknown>>;

/**
 * Reads the arguments.
 * @throws Failure `usage.wrong` (exit 2) with what commander says of them
 */
export function parseArguments(argv: readonly string[]): Parsed {
  let command: HerosCommand | undefined;
  let text = "";
  const program = new Command("heros")
    .description("Sets up her-os on a DGX Spark, downloads its models, and brings Annie online.")
    .option("-V, --version", "print the version alone")
    .helpCommand(false);

  const setup = common(program.command("setup"))
    .description("ask what is open, write the compose overrides, fetch the models, start Annie")
    .option("-y, --yes", "ask nothing: flags, environment, config file and defaults decide")
    .option("--dry-run", "show what would be done, and do none of it")
    .option("--demo", "the same on a simulated Spark, with a Hub of its own and no Docker")
    .addOption(
      new Option("--demo-speed <factor>", "how many times faster than life the demo is")
        .default("1")
        .argParser(factor),
    )
    .option("--keep-demo", "leave the demo's folder when it ends")
    .action((values: Values) => {
      command = {
        ...commonOptions(values),
        name: "setup",
        yes: values["yes"] === true,
        dryRun: values["dryRun"] === true,
        demo:
          values["demo"] === true
            ? { speed: String(values["demoSpeed"]), keep: values["keepDemo"] === true }
            : null,
      };
    });
  const pull = common(program.command("pull"))
    .argument("[model...]", "ids of the catalog, or repositories; none means the chosen tiers")
    .description("download models into the Hub cache, and nothing else")
    .option("--all", "the models of every tier")
    .action((models: string[], values: Values) => {
      command = { ...commonOptions(values), name: "pull", models, all: values["all"] === true };
    });
  const doctor = common(program.command("doctor"))
    .description("check the machine; each check has an id and the command that mends it")
    .action((values: Values) => {
      command = { ...commonOptions(values), name: "doctor" };
    });

  for (const question of questions) {
    const flag =
      question.argument === null ? question.flag : `${question.flag} <${question.argument}>`;
    setup.option(flag, question.summary);
    if (question.id === "tiers" || question.id === "token") pull.option(flag, question.summary);
  }
  for (const setting of settings) {
    setup.option(setting.flag, setting.help);
    if (setting.pull) pull.option(setting.flag, setting.help);
    if (setting.id === "stackDir" || setting.id === "cacheDir" || setting.id === "endpoint") {
      doctor.option(setting.flag, setting.help);
    }
  }

  if (argv.length === 0) return { kind: "text", text: program.helpInformation() };
  let complaint = "";
  for (const each of [program, setup, pull, doctor]) {
    each.exitOverride().configureOutput({
      writeOut: (written) => (text += written),
      writeErr: (written) => (complaint += written),
    });
  }
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "text", text };
    throw usageFailure(complaint === "" ? error.message : complaint, error);
  }
  if (command === undefined) return { kind: "text", text };
  return { kind: "command", command };
}

/** The error for arguments that make no sense together. */
export function usageFailure(complaint: string, cause?: unknown): Failure {
  const [first = "", ...more] = complaint
    .trim()
    .replace(/^error: /, "")
    .split("\n");
  return new Failure({
    code: "usage.wrong",
    message: `${first.charAt(0).toUpperCase()}${first.slice(1)}${/[.?]$/.test(first) ? "" : "."}`,
    hint: [...more, "heros --help lists commands, heros setup --help their flags."].join(" "),
    exitCode: exitCodes.usage,
    cause,
  });
}

function common(command: Command): Command {
  return command
    .addOption(
      new Option("--output <how>", "how to show what happens").choices(outputs).default("auto"),
    )
    .option("--json", "the same as --output json")
    .option("--no-color", "no colours")
    .option("-q, --quiet", "only what matters in the end")
    .option("-v, --verbose", "more of what happens")
    .option("--config <file>", "YAML file with answers and settings");
}

function commonOptions(values: Values): CommonOptions {
  const output = outputs.find((name) => name === values["output"]) ?? "auto";
  return {
    output: values["json"] === true ? "json" : output,
    color: values["color"] !== false,
    verbosity:
      values["quiet"] === true ? "quiet" : values["verbose"] === true ? "verbose" : "normal",
    configFile: typeof values["config"] === "string" ? values["config"] : null,
    questionFlags: flagsOf(questions, values),
    settingFlags: flagsOf(settings, values),
  };
}

function flagsOf<Id extends string>(
  rows: readonly { readonly id: Id; readonly flag: string }[],
  values: Values,
) {
  const given: Partial<Record<Id, string>> = {};
  for (const { id, flag } of rows) {
    const value = values[attributeName(flag)];
    if (typeof value === "string" || value === true) given[id] = String(value);
  }
  return given;
}

/** Where commander puts the flag's value: `--stack-dir <dir>` → `stackDir`. */
function attributeName(flag: string): string {
  const name = flag.split(" ")[0] ?? flag;
  return name
    .replace(/^--/, "")
    .replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

function factor(text: string): string {
  if (!(Number(text) > 0)) throw new InvalidArgumentError("It must be a number above 0.");
  return text;
}
