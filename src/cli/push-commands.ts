import type { Command } from "commander";
import { addFlags, common, commonOptions, type CommonOptions, type Values } from "./options.ts";

/** `heros push` */
export interface PushCommand extends CommonOptions {
  readonly name: "push";
  /** As typed. */
  readonly address: string;
  /** As `heros pull` takes them. */
  readonly models: readonly string[];
  readonly all: boolean;
  /** As typed. */
  readonly release: string | null;
  readonly overwrite: boolean;
  /** Start it there. */
  readonly setUp: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** Adds `heros push`. */
export function addPush(program: Command, parsed: (command: PushCommand) => void): void {
  const push = common(program.command("push"))
    .argument("<machine>", "USER@HOST, as for ssh, or ssh://USER@HOST:PORT")
    .argument("[model...]", "as heros pull takes them (default: the sets of the last setup here)")
    .description("bring heros, models, catalog and answers to another machine over ssh")
    .option("--all", "the models of every set")
    .option("--setup", "run heros setup --yes there in the end")
    .option("--overwrite", "replace the answers and the catalog of an earlier setup there")
    .option("--release <file>", "install this tarball there (default: the version that runs)")
    .option("-y, --yes", "ask nothing: ssh needs a key, and the machine is known")
    .option("--dry-run", "connect, look, and change nothing there")
    .action((address: string, models: readonly string[], values: Values) =>
      parsed({
        ...commonOptions(values),
        name: "push",
        address,
        models,
        all: values["all"] === true,
        release: typeof values["release"] === "string" ? values["release"] : null,
        overwrite: values["overwrite"] === true,
        setUp: values["setup"] === true,
        yes: values["yes"] === true,
        dryRun: values["dryRun"] === true,
      }),
    );
  addFlags(push, {
    questionIds: ["groups", "token"],
    settingIds: ["stackDir", "cacheDir", "catalog", "endpoint", "limitRate"],
  });
}
