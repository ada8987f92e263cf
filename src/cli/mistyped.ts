import type { Command, CommanderError } from "commander";
import { failure } from "../run/failures/table.ts";

/** What people type for a command, and what they mean: the first of these that exists is offered. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  install: ["setup"],
  init: ["setup"],
  configure: ["setup"],
  start: ["up", "setup"],
  run: ["up", "setup"],
  stop: ["down"],
  download: ["pull"],
  fetch: ["pull"],
  get: ["pull"],
  check: ["doctor"],
  diagnose: ["doctor"],
  info: ["status"],
  ps: ["status"],
  health: ["status"],
  update: ["upgrade"],
  rollback: ["upgrade"],
  remove: ["uninstall"],
  ls: ["models ls"],
  list: ["models ls"],
  verify: ["models verify"],
  repair: ["models repair"],
  prune: ["models prune"],
  "models list": ["models ls"],
  "models status": ["models ls"],
  "models check": ["models verify"],
  "models fix": ["models repair"],
  "models clean": ["models prune"],
  "models download": ["pull"],
  "models pull": ["pull"],
};

/**
 * The arguments with `help` as the flag: `help pull` is `pull --help`.
 * @throws Failure `usage.wrong` where a word is another name of a command
 */
export function wordsOf(program: Command, argv: readonly string[]): readonly string[] {
  let command = program;
  for (const [index, word] of argv.entries()) {
    if (command.commands.length === 0 || word.startsWith("-")) return argv;
    if (word === "help") return wordsOf(program, [...argv.toSpliced(index, 1), "--help"]);
    const next = childOf(command, word);
    if (next === undefined) {
      const typed = argv.slice(0, index + 1).join(" ");
      refuseOtherName(program, typed);
      // Help of no command is no help: commander looks for one that is spelled nearly so.
      return argv.filter((each) => each !== "--help" && each !== "-h");
    }
    command = next;
  }
  return argv;
}

function refuseOtherName(program: Command, typed: string): void {
  const meant = otherNames[typed];
  if (meant === undefined) return;
  const known = meant.find((words) => {
    const found = words
      .split(" ")
      .reduce<Command | undefined>((command, word) => command && childOf(command, word), program);
    return found !== undefined;
  });
  const offer = known === undefined ? "" : `\nDid you mean heros ${known}?`;
  throw failure("usage.wrong", { complaint: `unknown command '${typed}'${offer}` });
}

function childOf(command: Command, word: string): Command | undefined {
  return command.commands.find((child) => child.name() === word);
}

/** What commander says of arguments, in the words of heros: a sentence, and in a second line what would be right. */
export function complaintOf(error: CommanderError, said: string, words: readonly string[]): string {
  const text = (said === "" ? error.message : said).trim().replace(/^error: /, "");
  const invalid = /^option '(?:-\w, )?(--\S+)[^']*' argument '([^]*)' is invalid\. (.*)$/.exec(
    text,
  );
  if (invalid !== null) {
    const [, flag = "", value = "", right = ""] = invalid;
    return `Invalid ${flag} "${value}": ${rightWords(right)}`;
  }
  const missing = /^option '(?:-\w, )?(--\S+) (<[^']*>)' argument missing$/.exec(text);
  if (missing !== null) return `${missing[1]} needs a value\nUse ${missing[1]} ${missing[2]}.`;
  const unknown = /^unknown command '(.*)'/.exec(text)?.[1];
  const before = unknown === undefined ? [] : ["heros", ...words.slice(0, words.indexOf(unknown))];
  return text.replace(/^\(Did you mean (one of )?(.*)\?\)$/m, (_, oneOf = "", names: string) => {
    return `Did you mean ${oneOf}${[...before, names].join(" ")}?`;
  });
}

function rightWords(right: string): string {
  const choices = /^Allowed choices are (.*), (\S+)\.$/.exec(right);
  if (choices !== null) return `give ${choices[1]} or ${choices[2]}.`;
  return right.charAt(0).toLowerCase() + right.slice(1);
}
