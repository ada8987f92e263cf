import { median, milliseconds, type Figure } from "../figure.ts";
import { heros, timeNode } from "../program.ts";

/** `heros --version` beside Node that does nothing, in turn. */
export async function measureVersion(): Promise<Figure> {
  const [version, nothing]: [number[], number[]] = [[], []];
  for (let round = 0; round < 25; round++) {
    nothing.push(timeNode(["-e", "0"]));
    version.push(timeNode([...heros, "--version"]));
  }
  return {
    name: "heros --version",
    measured: milliseconds(median(version)),
    compared: `node -e 0: ${milliseconds(median(nothing))}`,
    ratio: median(version) / median(nothing),
    bound: 1.5,
  };
}
