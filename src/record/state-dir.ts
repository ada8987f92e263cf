import path from "node:path";
import { openUnwaited, readShortText } from "../host/own-file.ts";
import { folderOfVariable } from "../host/places.ts";
import type { Files, Host } from "../host/host.ts";

/** Where heros keeps its own state. */
export function stateDirOf(host: Pick<Host, "env" | "home">): string {
  return path.join(folderOfVariable(host, "XDG_STATE_HOME", ".local/state"), "heros");
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

/** Of a file that heros keeps there: far more than any holds. */
const maxStateBytes = 1024 * 1024;

/** What stands in a file of the state folder; empty for what can't be read, and for what is no file of ours: a pipe has no end. */
export function readState(files: Pick<Files, "open">, file: string): Promise<string> {
  return readShortText(openUnwaited(files, file), maxStateBytes);
}
