import { type CommandAbout, type CommandPlan, unrecorded } from "./command-plan.ts";
import type { ExportCommand } from "./export-commands.ts";

/** What a command of `heros export` does; the code of each is loaded when it is its turn. */
export function planExport({
  command,
  about,
}: {
  readonly command: ExportCommand;
  readonly about: CommandAbout;
}): CommandPlan {
  const common = { ...unrecorded, resumeHint: "Run the same command again." } as const;
  switch (command.name) {
    case "export compose":
      return {
        ...common,
        work: async (work) => {
          const [{ exportCompose }, { composeOut }] = await Promise.all([
            import("../commands/export/compose.ts"),
            import("./export-compose.ts"),
          ]);
          const out = composeOut(command, work.host.cwd);
          return about(work, (settings, own) => exportCompose(own, { settings, out }));
        },
      };
  }
}
