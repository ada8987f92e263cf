import path from "node:path";

/** Where the run in the background is remembered; apart, because every start looks whether it is there. */
export function backgroundFile(stateDir: string): string {
  return path.join(stateDir, "background.json");
}
