import { readFileSync } from "node:fs";
import { builtCatalog } from "../catalog/built-catalog.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { inQuotes } from "../run/shell-quote.ts";
import {
  type CompletedCommand,
  type CompletedOption,
  completedProgram,
  type Values,
} from "./completed-program.ts";
import { shippedCatalogs } from "../commands/open-catalog.ts";
import { shippedPath } from "./host-facts.ts";
import type { Shell } from "./parse-arguments.ts";

/** The script with which a shell completes commands of heros; nothing is started for it. */
export async function completionScript(shell: Shell): Promise<string> {
  const program = completedProgram(await shippedCatalog());
  const scriptOf = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  return scriptOf(program);
}

async function shippedCatalog(): Promise<Catalog> {
  if (builtCatalog !== null) return builtCatalog;
  const { parseCatalog } = await import("../catalog/load.ts");
  const name = shippedCatalogs[0];
  return parseCatalog(readFileSync(shippedPath(`assets/catalogs/${name}.yaml`), "utf8"), name);
}

/** The command itself and all below it. */
function allOf(command: CompletedCommand): readonly CompletedCommand[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/** Words as bash splits a list of them. @throws Error for one that it would read as more than a word */
function wordList(words: readonly string[]): string {
  const odd = words.find((word) => !/^[\w.@%+,/-]+$/u.test(word));
  if (odd !== undefined) throw new Error(`"${odd}" can't be completed in bash`);
  return inQuotes(words.join(" "));
}

/** Needs bash 4, and nothing of the package bash-completion. */
function bashScript(program: CompletedCommand): string {
  return `# Completes heros in bash. Made by: heros completion bash

# _heros_table COMMAND OPTION: what can follow. Of an option, its values; without one, those of the command's argument.
_heros_table() {
  commands='' flags='' takes='' choices='' list='' paths=''
  case $1 in
${allOf(program).map(bashCommand).join("\n")}
  esac
}

_heros() {
  local IFS=$' \\t\\n' current=\${COMP_WORDS[COMP_CWORD]-} command='' option='' only='' start='' word index
  local commands flags takes choices list paths
  local -i arguments=0
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    if [[ $option ]]; then
      # --output=json is three words.
      [[ $word == = ]] || option=''
    elif [[ $only || $word != -* ]]; then
      _heros_table "$command" ''
      if [[ " $commands " == *" $word "* ]]; then command=\${command:+$command }$word; else arguments+=1; fi
    elif [[ $word == -- ]]; then
      only=arguments
    else
      _heros_table "$command" "$word"
      [[ ! $takes ]] || option=$word
    fi
  done
  if [[ $option ]]; then
    [[ $current != = ]] || current=''
  elif [[ ! $only && $current == --*=* ]]; then
    option=\${current%%=*} start=$option=
  fi
  _heros_table "$command" "$option"
  if [[ ! $option ]]; then
    if [[ ! $only && $current == -* ]]; then
      choices=$flags list='' paths=''
    elif [[ $commands ]]; then
      [[ $arguments -gt 0 ]] || choices=$commands
    elif [[ ! $takes || ($takes == one && $arguments -gt 0) ]]; then
      choices='' paths=''
      [[ $only ]] || choices=$flags
    fi
  fi
  if [[ $list ]]; then
    [[ \${current#"$start"} != *,* ]] || start=\${current%,*},
    choices=" $choices "
    for word in $(tr , ' ' <<<"\${start#*=}"); do choices=\${choices/ $word / }; done
    compopt -o nospace 2>/dev/null
  fi
  case $paths in
    files) compopt -o default 2>/dev/null ;;
    folders) compopt -o plusdirs 2>/dev/null ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$choices" -P "$start" -- "\${current#"$start"}")
}

complete -F _heros heros
`;
}

function bashCommand({ path, options, argument, commands }: CompletedCommand): string {
  const lines = [
    ...(commands.length > 0 ? [`commands=${wordList(commands.map(({ word }) => word))}`] : []),
    `flags=${wordList(options.map(({ names }) => names.at(-1) ?? ""))}`,
  ];
  const valued = options.flatMap(({ names, values }) =>
    values === null ? [] : [`        ${names.join(" | ")}) ${bashValues("one", values)} ;;`],
  );
  const own =
    argument === null
      ? []
      : [`        '') ${bashValues(argument.many ? "many" : "one", argument)} ;;`];
  const cases = [...own, ...valued];
  return [
    `    ${inQuotes(path)})`,
    ...lines.map((line) => `      ${line}`),
    ...(cases.length === 0 ? [] : ["      case $2 in", ...cases, "      esac"]),
    "      ;;",
  ].join("\n");
}

function bashValues(takes: "one" | "many", { choices, list, paths }: Values): string {
  const words = choices.map(({ word }) => word);
  return [
    `takes=${takes}`,
    ...(words.length === 0 ? [] : [`choices=${wordList(words)}`]),
    ...(list ? ["list=yes"] : []),
    ...(paths === null ? [] : [`paths=${paths}`]),
  ].join(" ");
}

/** For a folder of `fpath`, where it is loaded at the first Tab, and for `eval`. */
function zshScript(program: CompletedCommand): string {
  const functions = new Map<string, string>();
  const actionOf = (values: Values): string => zshAction(values, functions);
  const own = allOf(program).map((command) => zshFunction(command, actionOf));
  return `#compdef heros
# Completes heros in zsh. Made by: heros completion zsh

${[...functions.values(), ...own.toReversed()].join("\n\n")}

if [[ $funcstack[1] == _heros ]]; then
  _heros "$@"
else
  compdef _heros heros
fi
`;
}

/** What zsh does for a value; functions that it needs are added. */
function zshAction(values: Values, functions: Map<string, string>): string {
  const { name, choices, list, paths } = values;
  if (choices.length === 0) {
    return paths === null ? " " : paths === "files" ? "_files" : "_files -/";
  }
  const words = choices.map(({ word }) => word);
  if (!list && paths === null && choices.every(({ meaning }) => meaning === "")) {
    return `(${words.join(" ")})`;
  }
  const told = choices.map(({ word, meaning }) =>
    inQuotes(list ? `${word}[${zshText(meaning)}]` : `${zshText(word)}:${meaning}`),
  );
  const lines = list
    ? [`_values -s , ${name} ${told.join(" ")}`]
    : [
        "local ret=1",
        `local -a values=(${told.join(" ")})`,
        `_describe -t values ${name} values && ret=0`,
        ...(paths === null ? [] : [`_files${paths === "files" ? "" : " -/"} && ret=0`]),
        "return ret",
      ];
  const body = zshBody(lines);
  for (let count = 1; ; count += 1) {
    const own = `_heros__${name}${count === 1 ? "" : count}`;
    const before = functions.get(own);
    if (before !== undefined && before !== `${own}${body}`) continue;
    functions.set(own, `${own}${body}`);
    return own;
  }
}

function zshBody(lines: readonly string[]): string {
  return `() {\n${lines.map((line) => `  ${line}\n`).join("")}}`;
}

/** In a specification, these have a meaning. */
function zshText(text: string): string {
  return text.replaceAll(/[\\[\]:]/gu, String.raw`\$&`);
}

function zshFunction(
  { path, options, argument, commands }: CompletedCommand,
  actionOf: (values: Values) => string,
): string {
  const name = zshName(path);
  const specs = options.map((option) => zshOption(option, actionOf));
  if (commands.length === 0) {
    if (argument !== null) {
      const place = argument.many ? "*" : "1";
      specs.push(inQuotes(`${place}:${argument.name}:${actionOf(argument)}`));
    }
    return `${name}${zshBody(["_arguments -s -S \\", `  ${specs.join(" \\\n    ")}`])}`;
  }
  const told = commands.map(({ word, meaning }) => inQuotes(`${zshText(word)}:${meaning}`));
  return `${name}${zshBody([
    'local curcontext="$curcontext" state line ret=1',
    "local -A opt_args",
    `local -a commands=(${told.join(" ")})`,
    `_arguments -s -S -C ${[...specs, "'1: :->command'", "'*:: :->words'"].join(" \\\n    ")} && ret=0`,
    "case $state in",
    "  command) _describe -t commands command commands && ret=0 ;;",
    "  words)",
    '    curcontext="${curcontext%:*:*}:heros-$words[1]:"',
    "    case $words[1] in",
    ...commands.map((child) => `      ${child.word}) ${zshName(child.path)} && ret=0 ;;`),
    "    esac ;;",
    "esac",
    "return ret",
  ])}`;
}

function zshName(path: string): string {
  return ["_heros", ...path.split(" ")].filter((word) => word !== "").join("_");
}

function zshOption(
  { names, meaning, values, repeatable, alone }: CompletedOption,
  actionOf: (values: Values) => string,
): string {
  const told = `[${zshText(meaning)}]`;
  const rest =
    values === null ? told : `=${told}:${zshText(values.name)}:${zshText(actionOf(values))}`;
  if (repeatable) return inQuotes(`*${names.at(-1)}${rest}`);
  const others = alone ? "(- *)" : names.length > 1 ? `(${names.join(" ")})` : "";
  // As a shell writes it: '(-y --yes)'{-y,--yes}'[…]'
  return names.length === 1
    ? inQuotes(`${others}${names[0]}${rest}`)
    : `${inQuotes(others)}{${names.join(",")}}${inQuotes(rest)}`;
}

/** Needs fish 3.1. */
function fishScript(program: CompletedCommand): string {
  const all = allOf(program);
  const known = all.flatMap(({ path, commands }) =>
    commands.map(({ word }) => fishQuoted(`${path} ${word}`)),
  );
  const parents = all.filter(({ commands }) => commands.length > 0);
  const after = (what: string): string =>
    parents.map(({ path }) => fishQuoted(`${path} ${what}`)).join(" ");
  return `# Completes heros in fish. Made by: heros completion fish

function __heros_command --description 'The words of the command that is typed'
    set -l command
    for word in (commandline -opc)[2..-1]
        switch "$command $word"
            case ${known.join(" ")}
                set -a command $word
            case ${after("-*")}
                break
            case ${after("*")}
                # No command of heros.
                set command '?'
                break
            case '*'
                break
        end
    end
    echo "$command"
end

function __heros_at
    test (__heros_command) = "$argv"
end

function __heros_list --description 'These, after what is typed up to the last comma'
    set -l typed (string replace -r -- '^--[^=]*=' '' (commandline -ct))
    set -l before (string match -r -- '^.*,' $typed)
    for choice in $argv
        contains -- (string split \\t $choice)[1] (string split , -- $before)
        or printf '%s%s\\n' "$before" $choice
    end
end

complete -c heros -f
${all.flatMap(fishLines).join("\n")}
`;
}

function fishLines({ path, options, argument, commands }: CompletedCommand): string[] {
  const at = `__heros_at ${path}`.trim();
  const line = (condition: string, rest: string): string =>
    `complete -c heros -n ${fishQuoted(condition)} ${rest}`;
  const lines = commands.map(({ word, meaning }) =>
    line(at, `-a ${word} -d ${fishQuoted(meaning)}`),
  );
  if (argument !== null) {
    const words = argument.choices.map(({ word }) => word).filter((word) => word !== path);
    const once = argument.many || words.length === 0 ? "" : seenNone(words);
    lines.push(line(`${at}${once}`, fishValues(argument)));
  }
  for (const { names, meaning, values } of options) {
    const flags = names.map((name) =>
      name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
    );
    const rest = values === null ? [] : ["-r", fishValues(values)];
    lines.push(line(at, [...flags, `-d ${fishQuoted(meaning)}`, ...rest].join(" ")));
  }
  return lines.filter((each) => each !== "");
}

function seenNone(words: readonly string[]): string {
  return `; and not __fish_seen_subcommand_from ${words.join(" ")}`;
}

function fishValues({ choices, list, paths }: Values): string {
  const told = choices.map(({ word, meaning }) =>
    meaning === "" ? word : String.raw`${word}\t${fishQuoted(meaning)}`,
  );
  const words = told.length === 0 ? [] : list ? [`(__heros_list ${told.join(" ")})`] : told;
  const folders = paths === "folders" ? ["(__fish_complete_directories)"] : [];
  const all = [...words, ...folders].join(" ");
  return paths === "files" ? "-F" : all === "" ? "-f" : `-f -a ${fishQuoted(all)}`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll(/[\\']/gu, String.raw`\$&`)}'`;
}
