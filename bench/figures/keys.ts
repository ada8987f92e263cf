import { openPty } from "../../test/terminal/pty.ts";
import { median, milliseconds, type Figure } from "../figure.ts";
import { benchRepo, cleanEnv, inFolder, pullCommand, withHub } from "../program.ts";

const fileBytes = 8_000_000_000;
const presses = 20;

/** How soon a key is answered while a download takes all that the machine has: help comes and goes. */
export function measureKeys(): Promise<Figure> {
  const file = ["--file", `${benchRepo}:model.safetensors:${fileBytes}`];
  return withHub(file, (endpoint) =>
    inFolder(async (folder) => {
      const { file: command, args } = pullCommand(folder, endpoint, "ink");
      const terminal = openPty({ command, args, env: cleanEnv(folder) });
      try {
        await terminal.waitFor("MB/s");
        const times: number[] = [];
        for (let press = 0; press < presses; press += 1) {
          const [key, seen] = press % 2 === 0 ? ["?", "Any key: back"] : ["x", "l: log"];
          const beganMs = performance.now();
          terminal.type(key);
          await terminal.waitFor((screen) => screen.split("\n").at(-1)?.includes(seen) ?? false);
          times.push(performance.now() - beganMs);
        }
        const middle = median(times);
        const slowest = Math.max(...times);
        return {
          name: "a key at full download speed",
          measured: `${milliseconds(middle)}, slowest ${milliseconds(slowest)}`,
          compared: "50 ms",
          ratio: middle / 50,
          bound: 1,
        };
      } finally {
        terminal.close();
        await terminal.exit;
      }
    }),
  );
}
