import type { Argument, Command, Help, Option } from "commander";
import { examples } from "../src/cli/help.ts";
import { createProgram } from "../src/cli/parse-arguments.ts";
import { questions } from "../src/plan/questions.ts";
import { settings } from "../src/plan/settings.ts";
import { type ExitCode, exitCodes } from "../src/run/failure.ts";

export interface ManualRequest {
  readonly version: string;
  /** Of the sources, as 2026-11-26. */
  readonly date: string;
}

/** heros.1 as roff. Commands, flags, variables and examples are those of `--help`, from the same tables. */
export function manualPage({ version, date }: ManualRequest): string {
  const program = createProgram(() => {});
  const help = program.createHelp();
  const leaves = leavesOf(program, help);
  const shared = sharedOptions(leaves, help);
  const lines = [
    `.TH HEROS 1 ${date} "heros ${version}" "User Commands"`,
    ".SH NAME",
    roff(`heros - ${lowered(program.description().split(":")[0] ?? "")}`),
    ".SH SYNOPSIS",
    ...leaves.flatMap((leaf, index) => [...(index > 0 ? [".br"] : []), usage(leaf)]),
    ".SH DESCRIPTION",
    paragraph(program.description()),
    paragraph(
      "A run that was interrupted continues where it stopped when the same command is run again.",
    ),
    ".PP",
    paragraph(
      "Every question and setting has a flag, an environment variable and a key in a config file. " +
        "A flag wins over the environment, the environment over the config file, that over the answers of the last run.",
    ),
    ".SH COMMANDS",
    ...leaves.flatMap((leaf) => section(leaf, { help, shared })),
    ".SH OPTIONS",
    "Every command has these:",
    ...shared.flatMap((option) => optionItem(option, help)),
    ".PP",
    paragraph("heros --version prints the version alone."),
    ".SH ENVIRONMENT",
    ...environment(),
    ".SH FILES",
    ...files.flatMap(([name, meaning]) => item(`\\fI${roff(name)}\\fR`, meaning)),
    '.SH "EXIT STATUS"',
    ...Object.values(exitCodes).flatMap((code) => item(String(code), statuses[code])),
    ".SH EXAMPLES",
    ...Object.values(examples)
      .flat()
      .flatMap(([line, effect]) => item(`\\fB${roff(line)}\\fR`, `${effect}.`)),
    ".SH SEE ALSO",
    ".BR docker (1)",
  ];
  return `${lines.join("\n")}\n`;
}

interface Leaf {
  /** As it is typed: "heros models ls". */
  readonly name: string;
  readonly command: Command;
}

/** The commands that do something, without those that only hold others. */
function leavesOf(command: Command, help: Help, name = command.name()): readonly Leaf[] {
  return help.visibleCommands(command).flatMap((child) => {
    const own = `${name} ${child.name()}`;
    return child.commands.length === 0
      ? [{ name: own, command: child }]
      : leavesOf(child, help, own);
  });
}

/** The options that all of them have. */
function sharedOptions(leaves: readonly Leaf[], help: Help): readonly Option[] {
  const all = leaves.map(({ command }) => help.visibleOptions(command));
  const some = all.filter((options) => options.length > 0);
  const [first = []] = some;
  return first.filter(({ flags }) =>
    some.every((options) => options.some((option) => option.flags === flags)),
  );
}

function usage({ name, command }: Leaf): string {
  return `\\fB${roff(name)}\\fR ${roff(command.usage())}`.trimEnd();
}

function section(
  leaf: Leaf,
  { help, shared }: { readonly help: Help; readonly shared: readonly Option[] },
): string[] {
  const { command } = leaf;
  const known = new Set(shared.map(({ flags }) => flags));
  const own = help.visibleOptions(command).filter(({ flags }) => !known.has(flags));
  return [
    `.SS ${usage(leaf)}`,
    paragraph(help.commandDescription(command)),
    ...command.registeredArguments
      .filter(({ description }) => description !== "")
      .flatMap((argument) => argumentItem(argument, help)),
    ...own.flatMap((option) => optionItem(option, help)),
  ];
}

function argumentItem(argument: Argument, help: Help): string[] {
  return item(`\\fI${roff(argument.name())}\\fR`, `${help.argumentDescription(argument)}.`);
}

function optionItem(option: Option, help: Help): string[] {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const value = /<(.+)>/u.exec(option.flags)?.[1];
  const term = names.map((name) => `\\fB${roff(name)}\\fR`).join(", ");
  const rest = value === undefined ? "" : ` \\fI${roff(value)}\\fR`;
  return item(`${term}${rest}`, `${help.optionDescription(option)}.`);
}

function environment(): string[] {
  const own = [...questions, ...settings].map(
    ({ environment: name, flag }) => [name, `The same as ${flag.split(" ")[0]}.`] as const,
  );
  const all = [...own, ["HEROS_CONFIG", "The same as --config."] as const, ...ofOthers];
  return all.flatMap(([name, meaning]) => item(`\\fB${roff(name)}\\fR`, meaning));
}

/** What heros takes from variables that other programs read too. */
const ofOthers: readonly (readonly [name: string, meaning: string])[] = [
  ["HF_TOKEN", "A Hugging Face token."],
  ["HF_HOME, HF_HUB_CACHE", "Where the Hub cache is."],
  ["HF_ENDPOINT", "Another Hub or mirror."],
  ["HTTPS_PROXY, NO_PROXY", "The proxy, and which hosts are asked without it."],
  ["NO_COLOR", "No colours, whatever its value."],
  ["XDG_STATE_HOME", "Where answers and records are, instead of ~/.local/state."],
  ["XDG_DATA_HOME", "Where heros is installed, instead of ~/.local/share."],
];

const files: readonly (readonly [name: string, meaning: string])[] = [
  ["~/.cache/huggingface/hub", "The Hub cache, with the models."],
  [
    "~/her-os",
    "Annie's folder: her compose files, .env, and secrets/hf_token if a token is saved.",
  ],
  ["~/.local/state/heros", "Answers so far, and in logs the records of the last ten runs."],
  ["~/.local/share/heros", "The program: the current version and the one before."],
  ["~/.local/bin/heros", "Starts the current version."],
];

const statuses: Readonly<Record<ExitCode, string>> = {
  0: "Done.",
  1: "Failed, or a bug in heros.",
  2: "Wrong usage, config or catalog.",
  3: "Annie runs, but can't do everything that was asked for.",
  4: "The machine lacks something: Docker, the GPU, a port.",
  5: "Download or network.",
  6: "A checksum does not match.",
  7: "Not enough disk space.",
  130: "Interrupted.",
};

/** A term, and below it what it means. */
function item(term: string, meaning: string): string[] {
  return [".TP", term, paragraph(meaning)];
}

/** Text in lines of less than 80 characters. */
function paragraph(text: string): string {
  const lines = [""];
  for (const word of roff(text).split(" ")) {
    const before = lines.at(-1) ?? "";
    if (before === "") lines[lines.length - 1] = word;
    else if (before.length + word.length < 79) lines[lines.length - 1] = `${before} ${word}`;
    else lines.push(word);
  }
  // A line that begins with a dot would be a command.
  return lines.map((line) => (line.startsWith(".") ? `\\&${line}` : line)).join("\n");
}

/** Signs that roff would set as others, or read as commands. */
function roff(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "\\": "\\e",
    "-": "\\-",
    "~": "\\(ti",
    "'": "\\(aq",
    "^": "\\(ha",
    "`": "\\(ga",
  };
  return text.replaceAll(/[-\\~'^`]/gu, (sign) => names[sign] ?? sign);
}

function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
