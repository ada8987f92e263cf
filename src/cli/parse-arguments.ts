import { questions } from "../plan/questions.ts";
import { settings } from "../plan/settings.ts";
import { inBackgroundFlag, resumedFlag } from "../record/handover.ts";
import { arrangeHelp, complaintOf, helpCommand, withHelpFlag } from "./help.ts";
import { failure } from "../run/failures/table.ts";
import {
  addFlags,
  common,
  commonOptions,
  type CommonOptions,
  factor,
  type Values,
} from "./options.ts";
import { addCache, type CacheCommand } from "./cache-commands.ts";
import { addPush, type PushCommand } from "./push-commands.ts";
import { addRelease, type ReleaseCommand } from "./release-commands.ts";
import { addCatalog, type CatalogCommand } from "./catalog-commands.ts";
import { addExport, type ExportCommand } from "./export-commands.ts";
import { addServe, type ServeCommand } from "./serve-commands.ts";
import { addStack, type StackCommand } from "./stack-commands.ts";
import { Argument, Command, CommanderError, Option } from "commander";

export interface SetupCommand extends CommonOptions {
  readonly name: "setup";
  readonly yes: boolean;
  readonly dryRun: boolean;
  /** This process was started by the service that continues a setup after a reboot. */
  readonly resumed: boolean;
  readonly demo: { readonly speed: string; readonly keep: boolean } | null;
}

export interface PullCommand extends CommonOptions {
  readonly name: "pull";
  readonly models: readonly string[];
  readonly all: boolean;
  /** The images of the stack's services, too. */
  readonly images: boolean;
}

export interface DoctorCommand extends CommonOptions {
  readonly name: "doctor";
  /** Ids of checks, as typed; none for all. */
  readonly ids: readonly string[];
  /** Only show which checks there are. */
  readonly list: boolean;
  /** Do what is safe to do about what is found. */
  readonly fix: boolean;
}

export interface StatusCommand extends CommonOptions {
  readonly name: "status";
  readonly watch: boolean;
}

/** The shells that there is a completion script for. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

export interface CompletionCommand extends CommonOptions {
  readonly name: "completion";
  readonly shell: Shell;
}

export interface ReplayCommand extends CommonOptions {
  readonly name: "replay";
  readonly file: string;
  /** How many times faster than it was; null: as fast as the output takes it, on a live screen as it was. */
  readonly speed: number | null;
}

export interface ReportCommand extends CommonOptions {
  readonly name: "report";
}

export type HerosCommand =
  | SetupCommand
  | PullCommand
  | DoctorCommand
  | StatusCommand
  | StackCommand
  | CatalogCommand
  | ModelsCommand
  | CacheCommand
  | ServeCommand
  | ExportCommand
  | ReleaseCommand
  | PushCommand
  | CompletionCommand
  | ReportCommand
  | ReplayCommand;

/** What the arguments ask for: a command, or a text that answers at once (`--help`). */
export type Parsed =
  | { readonly kind: "command"; readonly command: HerosCommand }
  | { readonly kind: "text"; readonly text: string };

/**
 * Reads the arguments.
 * @throws Failure `usage.wrong` (exit 2) with what commander says of them
 */
export function parseArguments(argv: readonly string[]): Parsed {
  let command: HerosCommand | undefined;
  const program = createProgram((parsed) => (command = parsed));
  const words = argv.length === 0 ? ["--help"] : withHelpFlag(program, argv);
  let [text, complaint] = ["", ""];
  for (const each of allOf(program)) {
    each.exitOverride().configureOutput({
      writeOut: (written) => (text += written),
      writeErr: (written) => (complaint += written),
    });
  }
  try {
    program.parse([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "text", text };
    // `heros models` alone asks what there is.
    if (error.code === "commander.help") return { kind: "text", text: complaint };
    throw failure("usage.wrong", { complaint: complaintOf(error, complaint, words) }, error);
  }
  if (command === undefined) return { kind: "text", text };
  return { kind: "command", command };
}

function allOf(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

/**
 * All commands with their flags and their help: what is parsed, and what completion and the man page are made from.
 * @param parsed is given the command that the arguments ask for
 */
export function createProgram(parsed: (command: HerosCommand) => void): Command {
  const program = new Command("heros")
    .description(
      "Sets up your assistant on a DGX Spark: downloads its models and brings it online.",
    )
    .option("-V, --version", "print the version")
    // heros upgrade has a --version of its own.
    .enablePositionalOptions()
    .addHelpCommand(helpCommand());

  const setup = common(program.command("setup"))
    .description("configure, download and start a stack; safe to run again")
    .option("-y, --yes", "no questions: flags, environment, config file and defaults decide")
    .option("--dry-run", "show the plan and change nothing")
    .option("--demo", "run on a simulated Spark, without Docker")
    .addOption(
      new Option("--demo-speed <factor>", "demo speed multiplier").default("1").argParser(factor),
    )
    .option("--keep-demo", "keep the demo's folder, and print its path")
    .addOption(new Option(inBackgroundFlag).hideHelp())
    .addOption(new Option(resumedFlag).hideHelp())
    .action((values: Values) =>
      parsed({
        ...commonOptions(values),
        name: "setup",
        yes: values["yes"] === true,
        dryRun: values["dryRun"] === true,
        resumed: values["resumed"] === true,
        demo:
          values["demo"] === true
            ? { speed: String(values["demoSpeed"]), keep: values["keepDemo"] === true }
            : null,
      }),
    );
  const pull = common(program.command("pull"))
    .argument(
      "[model...]",
      "catalog ids, OWNER/REPO[@REV] of the Hub, ollama:MODEL[:TAG], all models of s3://BUCKET/PREFIX, file:///PATH or https://HOST/PREFIX/ (default: the sets of the last setup, else the required and the recommended ones)",
    )
    .description(
      "download models for the programs of this machine, and with --images the stack's images; start nothing",
    )
    .option("--all", "the models of every set")
    .option("--images", "the container images of the stack's services, too")
    .addOption(new Option(inBackgroundFlag).hideHelp())
    .action((models: string[], values: Values) =>
      parsed({
        ...commonOptions(values),
        name: "pull",
        models,
        all: values["all"] === true,
        images: values["images"] === true,
      }),
    );
  const doctor = common(program.command("doctor"))
    .argument("[check...]", "only these checks, by their ids (default: all)")
    .description("check the machine; each problem is shown with its fix")
    .option("--list", "show all checks and why each matters; check nothing")
    .option("--fix", "fix what can be fixed safely; each change is shown")
    .action((ids: string[], values: Values) =>
      parsed({
        ...commonOptions(values),
        name: "doctor",
        ids,
        list: values["list"] === true,
        fix: values["fix"] === true,
      }),
    );

  const status = common(program.command("status"))
    .description("show what is online and what is still downloading")
    .option("--watch", "keep updating until Ctrl-C")
    .action((values: Values) =>
      parsed({ ...commonOptions(values), name: "status", watch: values["watch"] === true }),
    );
  addStack(program, parsed);
  addCatalog(program, parsed);
  addModels(program, parsed);
  addCache(program, parsed);
  addServe(program, parsed);
  addPush(program, parsed);
  addExport(program, parsed);
  addRelease(program, parsed, (next) => void parseArguments(next));
  common(program.command("completion"))
    .addArgument(new Argument("<shell>", "bash, zsh or fish").choices(shells))
    .description("print the script with which a shell completes commands of heros")
    .action((shell: Shell, values: Values) =>
      parsed({ ...commonOptions(values), name: "completion", shell }),
    );
  common(program.command("replay"))
    .argument("<file>", "a record from ~/.local/state/heros/logs")
    .description("show a recorded run again, in any output")
    .addOption(new Option("--speed <factor>", "speed multiplier").argParser(factor))
    .action((file: string, values: Values) => {
      const speed = values["speed"] === undefined ? null : Number(values["speed"]);
      parsed({ ...commonOptions(values), name: "replay", file, speed });
    });

  const report = common(program.command("report"))
    .description("write an archive for a bug report, without passwords and tokens")
    .action((values: Values) => parsed({ ...commonOptions(values), name: "report" }));

  // A setup knows no other stack than its own, and serves nothing.
  const everySetting = settings
    .filter(({ id, serveOnly }) => id !== "stack" && serveOnly !== true)
    .map(({ id }) => id);
  addFlags(setup, { questionIds: questions.map(({ id }) => id), settingIds: everySetting });
  addFlags(pull, {
    questionIds: ["groups", "token"],
    settingIds: settings.filter((setting) => setting.pull).map(({ id }) => id),
  });
  addFlags(doctor, {
    questionIds: ["unsupported", "groups"],
    settingIds: ["stackDir", "stack", "cacheDir", "endpoint", "catalog"],
  });
  addFlags(status, {
    questionIds: ["groups"],
    settingIds: ["stackDir", "stack", "cacheDir", "catalog", "port"],
  });

  addFlags(report, {
    questionIds: ["unsupported", "groups"],
    settingIds: ["stackDir", "stack", "cacheDir", "endpoint", "catalog"],
  });

  arrangeHelp(program);
  return program;
}

export interface ModelsCommand extends CommonOptions {
  readonly name: "models";
  readonly action: "ls" | "verify" | "repair" | "prune" | "rm" | "update" | "push";
  /** As `heros pull` takes them; of `push`, the bucket or folder first. */
  readonly models: readonly string[];
  readonly all: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** Adds `heros models ls | verify | repair | prune | rm | update | push`. */
function addModels(program: Command, parsed: (command: ModelsCommand) => void): void {
  const models = program
    .command("models")
    .description("list, verify, repair, prune, remove, update or push the models of this machine")
    .helpCommand(false);
  const take = (action: ModelsCommand["action"], names: readonly string[], values: Values) =>
    parsed({
      ...commonOptions(values),
      name: "models",
      action,
      models: names,
      all: values["all"] === true,
      yes: values["yes"] === true,
      dryRun: values["dryRun"] === true,
    });
  const names = "as heros pull takes them (default: all that are on this machine)";

  const ls = common(models.command("ls"))
    .description(
      "list the catalog's models and all others here: ready, partly downloaded or missing",
    )
    .option("--all", "the models of every set (default)")
    .action((values: Values) => take("ls", [], values));
  const verify = common(models.command("verify"))
    .argument("[model...]", names)
    .description("verify the cached models against their checksums; changes nothing")
    .action((chosen: string[], values: Values) => take("verify", chosen, values));
  const repair = common(models.command("repair"))
    .argument("[model...]", names)
    .description("verify, then download again what is damaged or missing")
    .action((chosen: string[], values: Values) => take("repair", chosen, values));
  const prune = common(models.command("prune"))
    .description("show unused files of the catalog's repositories, or remove them")
    .option("-y, --yes", "remove them (default: only show them)")
    .option("--dry-run", "only show what would be removed")
    .action((values: Values) => take("prune", [], values));
  const rm = common(models.command("rm"))
    .argument("<model...>", "as heros pull takes them")
    .description("show what these models take, or remove them; what others need stays")
    .option("-y, --yes", "remove them (default: only show them)")
    .option("--dry-run", "only show what would be removed")
    .action((chosen: string[], values: Values) => take("rm", chosen, values));

  const update = common(models.command("update"))
    .argument("[model...]", "as heros pull takes them (default: all that follow a branch or a tag)")
    .description("bring models to the newest revision of their branch or tag, after a question")
    .option("-y, --yes", "ask nothing")
    .option("--dry-run", "only show what would change")
    .action((chosen: string[], values: Values) => take("update", chosen, values));

  const push = common(models.command("push"))
    .argument("<place>", "a bucket or a folder: s3://BUCKET/PREFIX, file:///PATH")
    .argument("[model...]", "models of the Hub cache (default: all that are complete)")
    .description(
      "send models from the cache to an object store or a folder; what is there is not sent again",
    )
    .action((place: string, chosen: string[], values: Values) =>
      take("push", [place, ...chosen], values),
    );

  const everywhere = ["cacheDir", "catalog", "endpoint"] as const;
  addFlags(ls, { questionIds: ["groups", "token"], settingIds: everywhere });
  addFlags(verify, { questionIds: ["token"], settingIds: everywhere });
  addFlags(repair, {
    questionIds: ["token"],
    settingIds: [...everywhere, "limitRate", "maxConnections"],
  });
  addFlags(update, {
    questionIds: ["token"],
    settingIds: [...everywhere, "limitRate", "maxConnections"],
  });
  addFlags(prune, { questionIds: ["token"], settingIds: everywhere });
  addFlags(push, { questionIds: ["token"], settingIds: everywhere });
  addFlags(rm, { questionIds: [], settingIds: ["cacheDir", "catalog"] });
}
