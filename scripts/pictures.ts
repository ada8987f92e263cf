// Makes the pictures of the README and the docs from the program's own screens: npm run pictures
import { mkdir, writeFile } from "node:fs/promises";
import { createInkWriter, type InkWriter } from "../src/ui/ink/writer.tsx";
import { createMemoryTerminal, type MemoryTerminal } from "../test/terminal/memory-terminal.ts";
import { cannedInterview } from "../test/ui/canned-interview.ts";
import { recording } from "../test/ui/recordings.ts";
import { cellsToSvg } from "./picture-svg.ts";

// Read by the colour library when Ink is loaded, which is later: the pictures have a terminal's sixteen colours.
process.env["FORCE_COLOR"] = "1";

const folder = new URL("../assets/pictures/", import.meta.url);
const size = { columns: 84, rows: 30 };

interface Scene {
  readonly name: string;
  readonly title: string;
  /** Where it is not the usual height. */
  readonly rows?: number;
  /** Shows what the picture is of; the recording's time goes by `setTime`. */
  play(writer: InkWriter, setTime: (at: number) => void): Promise<void> | void;
}

/** Writes a recorded run up to the last event for which `until` holds. */
function playUntil(name: string, until: (at: number, type: string) => boolean): Scene["play"] {
  return (writer, setTime) => {
    for (const event of recording(name)) {
      if (!until(event.at, event.type)) break;
      setTime(event.at);
      writer.write(event);
    }
  };
}

const scenes: readonly Scene[] = [
  {
    name: "machine-and-tiers",
    title: "heros setup has looked at the machine and asks what Annie should be able to do",
    rows: 36,
    async play(writer, setTime) {
      await playUntil("fresh-setup", (_at, type) => type !== "plan.ready")(writer, setTime);
      // It waits for keys that nobody presses; closing the writer ends it.
      void writer.ask(cannedInterview(), new AbortController().signal);
    },
  },
  {
    name: "download",
    title: "heros setup --demo downloads the models while Annie's containers start",
    play: playUntil("demo-setup", (at) => at < 4_900),
  },
  {
    name: "annie-online",
    title: "Annie is online: what works, her address, and what to know next",
    play: playUntil("demo-setup", () => true),
  },
];

async function takePicture(scene: Scene): Promise<void> {
  const memory: MemoryTerminal = createMemoryTerminal({
    ...size,
    rows: scene.rows ?? size.rows,
  });
  let at = 0;
  const writer = await createInkWriter(memory.terminal, { now: () => at, frameMs: 0 });
  await scene.play(writer, (time) => {
    at = time;
  });
  await writer.drawn();
  await memory.emulator.settled();
  const svg = cellsToSvg(memory.emulator.cells(), scene.title);
  await writeFile(new URL(`${scene.name}.svg`, folder), svg);
  await writer.close();
  memory.emulator.dispose();
  console.log(`assets/pictures/${scene.name}.svg`);
}

await mkdir(folder, { recursive: true });
for (const scene of scenes) await takePicture(scene);
