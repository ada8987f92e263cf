import type { Host } from "../host/host.ts";
import { findCacheDir } from "../hub/environment.ts";
import type { Fetching } from "./request.ts";

/** The Hub cache of a run that asks nobody: what was given, else what the environment says. */
export function cacheDirOf(
  host: Pick<Host, "env" | "home" | "cwd">,
  { cacheDir }: Pick<Fetching, "cacheDir">,
): string {
  return cacheDir ?? findCacheDir(host);
}
