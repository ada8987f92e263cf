import { openPty } from "../../test/terminal/pty.ts";
import { median, milliseconds, type Figure } from "../figure.ts";
import { cleanEnv, heros, inFolder, timeNode } from "../program.ts";

/** From the start of the program to the first words on the screen, once it has been started before, less what Node takes to do nothing. */
export async function measureFirstFrame(): Promise<Figure> {
  const [frames, nothing]: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round++) {
    const emptyMs = timeNode(["-e", "0"]);
    const elapsedMs = await inFolder((folder) => timeFirstFrame(cleanEnv(folder)));
    if (round === 0) continue;
    nothing.push(emptyMs);
    frames.push(elapsedMs - emptyMs);
  }
  const limitMs = 300;
  return {
    name: "first frame of the wizard, once Node is up",
    measured: milliseconds(median(frames)),
    compared: `${milliseconds(limitMs)}; node -e 0: ${milliseconds(median(nothing))}`,
    ratio: median(frames) / limitMs,
    bound: 1,
  };
}

async function timeFirstFrame(env: NodeJS.ProcessEnv): Promise<number> {
  const began = performance.now();
  const terminal = openPty({ command: process.execPath, args: [...heros, "setup", "--demo"], env });
  try {
    await terminal.waitFor((screen) => /\w/.test(screen));
    const elapsedMs = performance.now() - began;
    // Ended in order: only then does Node keep what it compiled, and the next start is warm.
    terminal.type("\u0003");
    await terminal.exit;
    return elapsedMs;
  } finally {
    terminal.close();
  }
}
