import path from "node:path";
import type { Host } from "../host/host.ts";

/** Where heros keeps its own state. */
export function stateDirOf(host: Pick<Host, "env" | "home">): string {
  const base = host.env["XDG_STATE_HOME"];
  return path.join(
    base !== undefined && path.isAbsolute(base) ? base : path.join(host.home, ".local/state"),
    "heros",
  );
}

/** Where a run in the background is remembered: a demo's apart, so that neither is taken for the other. */
export function backgroundDirOf(host: Pick<Host, "env" | "home">, demo: boolean): string {
  return demo ? path.join(stateDirOf(host), "demo") : stateDirOf(host);
}

/** The file in it that says which run is in the background. */
export function backgroundFile(stateDir: string): string {
  return path.join(stateDir, "background.json");
}

/** The folder in it with the records of runs. */
export function recordsDir(stateDir: string): string {
  return path.join(stateDir, "logs");
}
