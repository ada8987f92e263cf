import type { CommandAbout, CommandPlan } from "./command-plan.ts";
import { herosVersion } from "./host-facts.ts";
import type { ServeCommand } from "./serve-commands.ts";

/** What `heros serve` does; its code is loaded when it is its turn. */
export function planServe(command: ServeCommand, about: CommandAbout): CommandPlan {
  return {
    stages: [],
    demo: false,
    recorded: true,
    resumeHint: "To serve again, run the same command again.",
    work: async (work) => {
      const { performServe } = await import("../commands/serve/serve.ts");
      const { offline } = command;
      return about(work, (settings, own) =>
        performServe(own, { settings, given: command, offline, herosVersion: herosVersion() }),
      );
    },
  };
}
