import { Command, type Help, type CommanderError } from "commander";
import { namesOf, questions } from "../plan/questions.ts";
import { settings } from "../plan/settings.ts";
import { failure } from "../run/failures/table.ts";

/** What is typed for it, and what that does. */
type Example = readonly [line: string, effect: string];

/** Of each command, by its words after `heros`; those of heros itself by none. */
export const examples: Readonly<Record<string, readonly Example[]>> = {
  "": [
    ["heros setup --demo", "Try it on a simulated Spark"],
    ["heros setup", "Set up a stack; asks a few questions"],
    ["heros status", "See how it is"],
  ],
  setup: [
    ["heros setup --demo --demo-speed 20", "Try it on a simulated Spark"],
    ["heros setup --dry-run", "See the plan"],
    ["heros setup --yes --tiers 1,2", "Ask nothing"],
  ],
  pull: [
    ["heros pull --tiers 1", "The required models"],
    ["heros pull openai/whisper-tiny@main", "Any repository of the Hub"],
    ["heros pull ollama:llava:7b", "A model for Ollama"],
    ["heros pull file:///mnt/usb/models", "All models of a folder"],
  ],
  doctor: [
    ["heros doctor", "Check this machine"],
    ["heros doctor gpu hub", "Run two checks alone"],
    ["heros doctor --fix", "Fix what is safe to fix"],
    ["heros doctor --list", "See all checks"],
  ],
  status: [
    ["heros status --watch", "Watch a run in the background"],
    ["heros status --json", "For a script"],
  ],
  logs: [
    ["heros logs --tail 50", "What was printed last"],
    ["heros logs --follow", "Watch all containers"],
  ],
  models: [["heros models ls", "See which models are downloaded"]],
  "models ls": [["heros models ls --tiers 1,2", "The models of two sets"]],
  "models verify": [["heros models verify", "Verify all cached models"]],
  "models repair": [["heros models repair whisper-large-v3", "Repair one model"]],
  "models prune": [
    ["heros models prune", "See what is unused"],
    ["heros models prune --yes", "Remove it"],
  ],
  "models update": [
    ["heros models update", "See what is newer, and update it"],
    ["heros models update ollama:llava:7b --yes", "Update one without a question"],
  ],
  "models rm": [
    ["heros models rm ollama:llava:7b", "See what it takes"],
    ["heros models rm ollama:llava:7b --yes", "Remove it"],
  ],
  "models push": [
    ["heros models push s3://models/spark", "Send all cached models"],
    ["heros models push file:///mnt/usb/models whisper-large-v3", "Send one to a folder"],
  ],
  "catalog ls": [["heros catalog ls", "See which stacks there are"]],
  "catalog check": [["heros catalog check ./my-stack.yaml", "See what is wrong with it"]],
  "cache share": [
    ["heros cache share", "See the mount for docker run and compose"],
    ["heros cache share vllm --stack-dir ~/llm --read-only", "Write it for a service"],
  ],
  serve: [
    ["heros serve", "For programs on this machine"],
    ["heros serve --listen 0.0.0.0:7171", "For every machine of your network"],
    ["HF_ENDPOINT=http://spark-1:7171 hf download openai/whisper-tiny", "On another machine"],
  ],
  push: [
    ["heros push ann@spark-2", "Bring this setup to another machine"],
    ["heros push spark-2 --yes --setup", "Ask nothing, and start it there"],
  ],
  "export compose": [
    ["heros export compose", "The stack as one file"],
    ["heros export compose --out ~/all.yml", "To another place"],
  ],
  replay: [["heros replay run.jsonl --output plain", "Read a recorded run"]],
  upgrade: [
    ["heros upgrade --check", "See whether there is a newer version"],
    ["heros upgrade --rollback", "Go back to the version before"],
  ],
  uninstall: [["heros uninstall --yes", "Remove heros and keep the models"]],
  version: [["heros version --json", "For a bug report"]],
  completion: [
    ["heros completion bash", "Print the script for bash"],
    ['eval "$(heros completion zsh)"', "Use it in this zsh"],
    ["heros completion fish | source", "Use it in this fish"],
  ],
};

/** `heros help` and its row; `withHelpFlag` answers it. */
export function helpCommand(): Command {
  return new Command("help")
    .argument("[command]")
    .description("show the help of a command")
    .helpOption(false)
    .helpGroup("Program:");
}

/** Headings of commands. */
const commandGroups: Readonly<Record<string, readonly string[]>> = {
  "Setup:": ["setup", "status", "doctor"],
  "Stack:": ["up", "down", "restart", "logs", "open", "export"],
  "Models:": ["pull", "models", "catalog", "serve"],
  "Program:": ["version", "upgrade", "uninstall", "completion", "report", "replay"],
};

/** Headings of options, after those of the command alone. */
const optionGroups: Readonly<Record<string, readonly string[]>> = {
  "Answers:": questions.flatMap((each) => namesOf(each).map(({ flag }) => flag)),
  "Selection:": [],
  "Settings:": [...settings.map(({ flag }) => flag.replace(/ .*/, "")), "--config"],
  "Output:": ["--output", "--json", "--no-color", "--quiet", "--verbose"],
};

const format: Partial<Help> = {
  groupItems: (all, visible, groupOf) => {
    const order = ["Options:", ...Object.keys(optionGroups), ...Object.keys(commandGroups)];
    const shown = [...new Set([...all, ...visible].map(groupOf))].toSorted(
      (a, b) => order.indexOf(a) - order.indexOf(b),
    );
    return new Map(
      shown.map((group) => [group, visible.filter((item) => groupOf(item) === group)]),
    );
  },
  optionDescription: ({ description, argChoices, defaultValue }) =>
    sentence(description) +
    (argChoices === undefined ? "" : `: ${argChoices.join(", ")}`) +
    (typeof defaultValue === "string" ? ` (default: ${defaultValue})` : ""),
  argumentDescription: ({ description }) => sentence(description),
  subcommandTerm: (command) => command.name(),
  subcommandDescription: (command) => sentence(command.summary() || command.description()),
  commandDescription: (command) => `${sentence(command.description()).replace(/\.$/, "")}.`,
};

/** Gives a command and all below it their help: groups, sentences and examples. */
export function arrangeHelp(command: Command, words = ""): void {
  command.configureHelp(format).helpOption("-h, --help", "show this help");
  if (command.commands.length > 0) command.usage("COMMAND [options]");
  for (const option of command.options) {
    const heading = headingOf(optionGroups, option.long ?? "");
    // Only setup asks questions; elsewhere the same flags choose.
    const shown = heading === "Answers:" && words !== "setup" ? "Selection:" : heading;
    if (shown !== undefined) option.helpGroup(shown);
  }
  const told = examples[words] ?? [];
  const width = Math.max(0, ...told.map(([line]) => line.length));
  const lines = told.map(([line, effect]) => `  ${line.padEnd(width)}  ${effect}`);
  if (lines.length > 0) command.addHelpText("after", ["", "Examples:", ...lines].join("\n"));
  if (words === "") command.addHelpText("after", "\nRun heros COMMAND --help for usage.");
  for (const sub of command.commands) {
    const heading = words === "" ? headingOf(commandGroups, sub.name()) : undefined;
    if (heading !== undefined) sub.helpGroup(heading);
    arrangeHelp(sub, `${words} ${sub.name()}`.trim());
  }
}

function headingOf(
  groups: Readonly<Record<string, readonly string[]>>,
  name: string,
): string | undefined {
  return Object.keys(groups).find((heading) => groups[heading]?.includes(name));
}

/** With a capital; a name of ours keeps its own letters. */
function sentence(text: string): string {
  return text.startsWith("heros") ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

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
  "models remove": ["models rm"],
  "models delete": ["models rm"],
  "models upload": ["models push"],
  push: ["models push"],
  upload: ["models push"],
  "models download": ["pull"],
  "models pull": ["pull"],
};

/**
 * The arguments with `help` as the flag: `help pull` is `pull --help`.
 * @throws Failure `usage.wrong` where a word is another name of a command
 */
export function withHelpFlag(program: Command, argv: readonly string[]): readonly string[] {
  let command = program;
  for (const [index, word] of argv.entries()) {
    if (command.commands.length === 0 || word.startsWith("-")) return argv;
    if (word === "help") return withHelpFlag(program, [...argv.toSpliced(index, 1), "--help"]);
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
  const wrong = /^command-argument value '([^]*)' is invalid for argument '([^']*)'\. (.*)$/.exec(
    text,
  );
  if (wrong !== null) {
    const [, value = "", name = "", right = ""] = wrong;
    return `Invalid ${name} "${value}": ${rightWords(right)}`;
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
