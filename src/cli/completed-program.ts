import type { Argument, Command, Help, Option } from "commander";
import type { Catalog } from "../catalog/catalog.ts";
import { checks } from "../checks/table.ts";
import { initialAnswers, namesOf, questions } from "../plan/questions.ts";
import { settings } from "../plan/settings.ts";
import { createProgram } from "./parse-arguments.ts";

/** A word that can be completed, and what it means; "" where it speaks for itself. */
export interface Choice {
  readonly word: string;
  readonly meaning: string;
}

/** What the value of an option, or an argument, can be. */
export interface Values {
  /** As `--help` names it: "list", "dir". */
  readonly name: string;
  readonly choices: readonly Choice[];
  /** Several of them, with commas between. */
  readonly list: boolean;
  readonly paths: "files" | "folders" | null;
}

export interface CompletedOption {
  /** "-y", "--yes"; the short one first. */
  readonly names: readonly string[];
  readonly meaning: string;
  /** Null where it takes none. */
  readonly values: Values | null;
  readonly repeatable: boolean;
  /** It answers by itself: nothing else makes sense beside it. */
  readonly alone: boolean;
}

export interface CompletedCommand extends Choice {
  /** All its words after `heros`: "models ls". */
  readonly path: string;
  readonly options: readonly CompletedOption[];
  /** Its first argument, the only one that a command has; null where it takes none. */
  readonly argument: (Values & { readonly many: boolean }) | null;
  readonly commands: readonly CompletedCommand[];
}

/** All that `--help` shows, with what is known of values. */
export function completedProgram(catalog: Catalog): CompletedCommand {
  const program = createProgram(() => {});
  const help = program.createHelp();
  const commands = help.visibleCommands(program).map((command) => choiceOf(command, help));
  return describe(program, { help, catalog, commands }, "");
}

interface Known {
  readonly help: Help;
  readonly catalog: Catalog;
  /** Of heros itself. */
  readonly commands: readonly Choice[];
}

function describe(command: Command, known: Known, path: string): CompletedCommand {
  const { help } = known;
  const [argument] = command.registeredArguments;
  return {
    ...choiceOf(command, help),
    path,
    options: help.visibleOptions(command).map((option) => describeOption(option, known)),
    argument:
      argument === undefined
        ? null
        : { ...valuesOfArgument(argument, known), many: argument.variadic },
    commands: help
      .visibleCommands(command)
      .map((child) => describe(child, known, `${path} ${child.name()}`.trim())),
  };
}

function choiceOf(command: Command, help: Help): Choice {
  return { word: command.name(), meaning: brief(help.subcommandDescription(command)) };
}

function describeOption(option: Option, known: Known): CompletedOption {
  const { short, long = "", flags, required } = option;
  const setting = settings.find((each) => each.flag === flags);
  return {
    names: [...(short === undefined ? [] : [short]), long],
    meaning: brief(known.help.optionDescription(option)),
    values: required ? valuesOfOption(option, known) : null,
    repeatable: setting?.many === true,
    alone: !required && (long === "--help" || long === "--version"),
  };
}

function valuesOfOption({ long, flags, argChoices }: Option, { catalog }: Known): Values {
  const name = /<(.+)>/u.exec(flags)?.[1] ?? "";
  const question = questions.find((each) => namesOf(each).some(({ flag }) => flag === long));
  if (question === undefined) return valuesOf(name, (argChoices ?? []).map(bare));
  // A secret is never typed: its flag takes a file.
  if (question.kind === "secret") return valuesOf("file");
  const facts = {
    catalog,
    capacity: null,
    models: [],
    tokens: [],
    storagePaths: { "hub-cache": "", "stack-dir": "" },
    volumes: [],
    bytesPerSecond: null,
    bootService: null,
  };
  const options = question.options(facts, initialAnswers(catalog));
  return {
    name,
    choices: options.map(({ value, label }) => ({
      word: long === question.flag ? value : numberOf(value, catalog),
      meaning: label,
    })),
    list: question.kind === "many",
    paths: question.kind === "path" ? "folders" : null,
  };
}

/** What a set is called by its other flag. */
function numberOf(id: string, { groups }: Pick<Catalog, "groups">): string {
  return String(groups.find((group) => group.id === id)?.priority ?? id);
}

function valuesOfArgument(argument: Argument, { catalog, commands }: Known): Values {
  const name = argument.name();
  if (argument.argChoices !== undefined) return valuesOf(name, argument.argChoices.map(bare));
  if (name === "command") return valuesOf(name, commands);
  if (name === "check") {
    return valuesOf(
      name,
      checks.map(({ id, title }) => ({ word: id, meaning: title })),
    );
  }
  if (name !== "model") return valuesOf(name);
  return valuesOf(
    name,
    catalog.models.map(({ id, title }) => ({ word: id, meaning: title })),
  );
}

/** In `--help`, what is called file or dir is one. */
function valuesOf(name: string, choices: readonly Choice[] = []): Values {
  const paths = name === "file" ? "files" : name === "dir" ? "folders" : null;
  return { name, choices, list: false, paths };
}

function bare(word: string): Choice {
  return { word, meaning: "" };
}

/** The first part of a sentence of `--help`: a list of completions has a line for each. */
function brief(sentence: string): string {
  return sentence.split(/; |: | \(default/u)[0] ?? sentence;
}
