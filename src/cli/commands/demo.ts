import { prepareDemo } from "../../demo/prepare-demo.ts";
import type { SetupRequest, Work } from "../../setup/request.ts";
import { setup } from "../../setup/setup.ts";
import { shippedPath } from "../app-files.ts";
import type { SetupCommand } from "../program.ts";
import { requestOf } from "./request-of.ts";

export interface DemoTools {
  readonly command: SetupCommand;
  readonly demo: NonNullable<SetupCommand["demo"]>;
  readonly ask: SetupRequest["ask"];
  readonly mend: NonNullable<SetupRequest["mend"]> | null;
  readonly nodePath: string;
}

/** `heros setup --demo`: the same setup in a world of its own, which is removed at the end unless asked to keep. */
export async function performDemo(work: Work, tools: DemoTools): Promise<readonly string[] | null> {
  const { command, demo, ask, mend, nodePath } = tools;
  const catalogFile = shippedPath("assets/catalogs/demo.yaml");
  const world = await prepareDemo({
    host: work.host,
    catalogFile,
    nodePath,
    speed: Number(demo.speed),
  });
  const kept = `The demo's folder is kept: ${world.folder}`;
  if (demo.keep) work.emit({ type: "notice", level: "info", code: "demo.kept", message: kept });
  try {
    // Folders, address and port are the demo's, whatever the command line says.
    const { limitRate, maxLanes, annieTimeout } = command.settingFlags;
    const settingFlags = {
      catalog: catalogFile,
      ...(limitRate === undefined ? {} : { limitRate }),
      ...(maxLanes === undefined ? {} : { maxLanes }),
      ...(annieTimeout === undefined ? {} : { annieTimeout }),
    };
    const inside = { ...work, host: world.host };
    const request = await requestOf(inside, { ...command, settingFlags, configFile: null }, ask);
    const words = await setup(inside, { ...request, mend });
    if (words === null) return null;
    return [
      words[0] ?? "",
      demo.keep
        ? `This was a demo. ${kept}`
        : "This was a demo: nothing of it is left on this machine.",
      "Run heros setup to do the same for real.",
    ];
  } finally {
    await world.dispose({ keep: demo.keep });
  }
}
