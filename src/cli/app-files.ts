import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Host } from "../host/host.ts";

/** The folder that holds package.json, of a checkout as of an installation: two above this file either way. */
const root = new URL("../../", import.meta.url);

/** Absolute path of a file or a folder that ships with heros. */
export function shippedPath(name: string): string {
  return fileURLToPath(new URL(name, root));
}

/** The version of package.json. */
export function herosVersion(): string {
  const { version } = JSON.parse(readFileSync(shippedPath("package.json"), "utf8")) as {
    version: string;
  };
  return version;
}

/** Where a run in the background is remembered: a demo's apart, so that neither is taken for the other. */
export function backgroundDirOf(host: Pick<Host, "env" | "home">, demo: boolean): string {
  return demo ? path.join(stateDirOf(host), "demo") : stateDirOf(host);
}

/** Where heros keeps its own state. */
export function stateDirOf(host: Pick<Host, "env" | "home">): string {
  const base = host.env["XDG_STATE_HOME"];
  return path.join(
    base !== undefined && path.isAbsolute(base) ? base : path.join(host.home, ".local/state"),
    "heros",
  );
}
