import { type Command, Option } from "commander";
import { failure } from "../run/failures/table.ts";
import { addFlags, common, commonOptions, type CommonOptions, type Values } from "./options.ts";

/** Of an unpacked release: install.sh and `heros upgrade` run it, and nobody else. */
export interface ReleaseInstallCommand extends CommonOptions {
  readonly name: "release";
  readonly prefix: string | null;
  readonly modifyPath: boolean;
  readonly dryRun: boolean;
  /** The tree is what is called the newest one: one that is older than the installed version is refused. */
  readonly latest: boolean;
  /** install.sh has made folders below this one, on the way to where it works. */
  readonly madeBelow: string | null;
}

export interface UpgradeCommand extends CommonOptions {
  readonly name: "upgrade";
  readonly version: string | null;
  readonly channel: "stable" | "beta" | null;
  readonly check: boolean;
  readonly rollback: boolean;
}

export interface UninstallCommand extends CommonOptions {
  readonly name: "uninstall";
  readonly yes: boolean;
  readonly purge: boolean;
}

export interface VersionCommand extends CommonOptions {
  readonly name: "version";
}

export type ReleaseCommand =
  | ReleaseInstallCommand
  | UpgradeCommand
  | UninstallCommand
  | VersionCommand;

/**
 * Adds the commands about versions of heros.
 * @param check throws `usage.wrong` for arguments that heros could not be started with
 */
export function addRelease(
  program: Command,
  parsed: (command: ReleaseCommand) => void,
  check: (argv: readonly string[]) => void,
): void {
  const release = program.command("release", { hidden: true }).helpCommand(false);
  common(release.command("install"))
    .description("install the unpacked release that this program is in")
    .option("--prefix <dir>", "install below DIR instead of ~/.local")
    .option("--modify-path", "put the folder of the launcher into the PATH of your shell")
    .option("--dry-run", "show what would be done, and do none of it")
    .option("--latest", "refuse to replace a version that is newer")
    .option("--made-below <dir>", "the folders below DIR were made by install.sh")
    .argument(
      "[next...]",
      "after --: what is started next, and must make sense before anything is installed",
    )
    .action((next: readonly string[], values: Values) => {
      if (next.length > 0) check(next);
      parsed({
        ...commonOptions(values),
        name: "release",
        prefix: typeof values["prefix"] === "string" ? values["prefix"] : null,
        modifyPath: values["modifyPath"] === true,
        dryRun: values["dryRun"] === true,
        latest: values["latest"] === true,
        madeBelow: typeof values["madeBelow"] === "string" ? values["madeBelow"] : null,
      });
    });
  const channels = ["stable", "beta"] as const;
  common(program.command("upgrade"))
    .description("install the newest version; downloads are verified by signature")
    .option("--check", "only tell whether there is a newer version")
    .option("--version <version>", "this version, older or newer")
    .addOption(new Option("--channel <name>", "where new versions come from").choices(channels))
    .addOption(
      new Option("--rollback", "go back to the version that was installed before").conflicts([
        "check",
        "version",
        "channel",
      ]),
    )
    .action((values: Values) => {
      const { version = null, channel } = values;
      parsed({
        ...commonOptions(values),
        name: "upgrade",
        version: typeof version === "string" ? parseVersion(version) : null,
        channel: channels.find((name) => name === channel) ?? null,
        check: values["check"] === true,
        rollback: values["rollback"] === true,
      });
    });
  const uninstall = common(program.command("uninstall"))
    .description("remove heros; models, the stack and your answers stay unless you say otherwise")
    .option("-y, --yes", "ask nothing, and keep data")
    .option("--purge", "remove the catalog's models, answers and logs too")
    .action((values: Values) => {
      const [yes, purge] = [values["yes"] === true, values["purge"] === true];
      parsed({ ...commonOptions(values), name: "uninstall", yes, purge });
    });
  addFlags(uninstall, { settingIds: ["stackDir", "cacheDir", "catalog"] });
  common(program.command("version"))
    .description("the version, and where it is installed")
    .action((values: Values) => parsed({ ...commonOptions(values), name: "version" }));
}

/** With or without the v of its tag. @throws Failure `usage.wrong` (2) */
function parseVersion(text: string): string {
  const version = text.replace(/^v/u, "");
  if (/^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/u.test(version)) return version;
  throw failure("usage.wrong", { complaint: `Invalid --version "${text}": give one like 1.2.3` });
}
