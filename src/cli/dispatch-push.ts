import path from "node:path";
import { isatty } from "node:tty";
import type { CommandAbout, CommandPlan } from "./command-plan.ts";
import { shippedPath } from "./host-facts.ts";
import type { PushCommand } from "./push-commands.ts";

/** `heros push` */
export function planPush({
  command,
  about,
}: {
  readonly command: PushCommand;
  readonly about: CommandAbout;
}): CommandPlan {
  const { address, release, overwrite, setUp, dryRun, yes } = command;
  const { models: names, all, questionFlags } = command;
  return {
    stages: dryRun ? [] : ["download"],
    demo: false,
    recorded: !dryRun,
    resumeHint: "Everything that arrived there is kept. Run the same command again to continue.",
    work: async (work) => {
      const { performPush } = await import("../commands/push/push.ts");
      const appDir = path.dirname(shippedPath("package.json"));
      const choice = { names, all, groups: questionFlags.groups !== undefined };
      const asked = { appDir, address, release, overwrite, setUp, dryRun, choice };
      // What ssh asks, it asks on the terminal itself.
      const interactive = !yes && isatty(0);
      return about(work, (settings, own) => performPush(own, { ...asked, settings, interactive }));
    },
  };
}
