import { openPty } from "../../test/terminal/pty.ts";
import { median, milliseconds, type Figure } from "../figure.ts";
import { cleanEnv, heros, inFolder } from "../program.ts";

/** From the start of the program to the first words on the screen, once it has been started before. */
export async function measureFirstFrame(): Promise<Figure> {
  const times: number[] = [];
  for (let round = 0; round < 8; round++) {
    const elapsedMs = await inFolder((folder) => timeFirstFrame(cleanEnv(folder)));
    if (round > 0) times.push(elapsedMs);
  }
  const limitMs = 500;
  return {
    name: "first frame of the wizard",
    measured: milliseconds(median(times)),
    compared: milliseconds(limitMs),
    ratio: median(times) / limitMs,
    bound: 1,
  };
}

async function timeFirstFrame(env: NodeJS.ProcessEnv): Promise<number> {
  const began = performance.now();
  const terminal = openPty({ command: process.execPath, args: [heros, "setup", "--demo"], env });
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
