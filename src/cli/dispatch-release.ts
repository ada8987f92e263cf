import path from "node:path";
import type { Writer } from "../ui/writer.ts";
import { type CommandAbout, type CommandPlan, unrecorded } from "./command-plan.ts";
import { herosVersion, shippedPath } from "./host-facts.ts";
import type { ReleaseCommand } from "./release-commands.ts";

/** The same of the commands about versions of heros, which have no stages and leave no record. */
export function planRelease({
  command,
  writer,
  about,
}: {
  readonly command: ReleaseCommand;
  readonly writer: Writer;
  readonly about: CommandAbout;
}): CommandPlan {
  const common = { ...unrecorded, closed: true } as const;
  const appDir = path.dirname(shippedPath("package.json"));
  switch (command.name) {
    case "release":
      return {
        ...common,
        resumeHint: "Run the same command again: it installs the whole.",
        work: async (work) => {
          const { performReleaseInstall } = await import("../commands/release/install.ts");
          const { prefix, modifyPath, dryRun, latest, madeBelow, verbosity } = command;
          const isQuiet = verbosity === "quiet";
          const asked = { prefix, modifyPath, dryRun, latest, madeBelow, quiet: isQuiet };
          return performReleaseInstall(work, { appDir, ...asked });
        },
      };
    case "upgrade":
      return {
        ...common,
        resumeHint: "What is downloaded is kept. Run the same command again to continue.",
        work: async (work) => {
          const { performRollback, performUpgrade } =
            await import("../commands/release/upgrade.ts");
          const { version, channel, check, rollback } = command;
          if (!rollback) return performUpgrade(work, { appDir, version, channel, check });
          return performRollback(work, { appDir });
        },
      };
    case "uninstall":
      return {
        ...common,
        resumeHint: "Run the same command again: it removes the rest.",
        work: async (work) => {
          const { performUninstall } = await import("../commands/release/uninstall.ts");
          const { yes, purge } = command;
          const options = { appDir, yes, purge, person: writer };
          return about(work, (settings, own) => performUninstall(own, { settings, ...options }));
        },
      };
    case "version":
      return {
        ...common,
        resumeHint: "",
        work: async (work) => {
          const { performVersion } = await import("../commands/release/install.ts");
          return performVersion(work, { appDir, version: herosVersion() });
        },
      };
  }
}
