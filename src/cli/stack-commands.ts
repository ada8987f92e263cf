import { type Command, InvalidArgumentError, Option } from "commander";
import type { StackOrder } from "../commands/stack/operate-stack.ts";
import { addFlags, common, commonOptions, type CommonOptions, type Values } from "./options.ts";

/** `heros up | down | restart | logs | open` */
export interface StackCommand extends CommonOptions {
  readonly name: StackOrder["action"];
  readonly order: StackOrder;
}

const simple = {
  up: "start the stack's containers; what runs already stays as it is",
  down: "stop the stack's containers and remove them; volumes and models stay",
  restart: "restart the stack's containers",
  open: "open the stack's page in a browser, or show its address",
} as const;

/** Adds the commands that start, stop and show the stack. */
export function addStack(program: Command, parsed: (command: StackCommand) => void): void {
  for (const action of ["up", "down", "restart", "open"] as const) {
    const command = common(program.command(action))
      .description(simple[action])
      .action((values: Values) =>
        parsed({ ...commonOptions(values), name: action, order: { action } }),
      );
    addFlags(command, {
      settingIds: action === "up" ? ["stackDir", "stack", "cacheDir"] : ["stackDir", "stack"],
    });
  }
  const logs = common(program.command("logs"))
    .argument("[service...]", "services of the stack (default: all of them)")
    .description("show what the stack's containers print")
    .option("-f, --follow", "go on with what they print next, until Ctrl-C")
    .addOption(
      new Option("--tail <n>", "so many of the last lines of each, or all")
        .default("all")
        .argParser(lineCount),
    )
    .action((services: readonly string[], values: Values) =>
      parsed({
        ...commonOptions(values),
        name: "logs",
        order: {
          action: "logs",
          services,
          follow: values["follow"] === true,
          tail: String(values["tail"]),
        },
      }),
    );
  addFlags(logs, { settingIds: ["stackDir", "stack"] });
}

function lineCount(value: string): string {
  if (/^(?:all|\d{1,9})$/u.test(value)) return value;
  throw new InvalidArgumentError("Give a number of lines, or all.");
}
