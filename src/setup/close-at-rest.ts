import type { Emit } from "../progress/event.ts";
import type { Work } from "./request.ts";

/** Tells the work's events; while a download rests no connection is kept open for it. */
export function closeAtRest({ host, emit }: Pick<Work, "host" | "emit">): Emit {
  return (event) => {
    if (event.type === "download.paused") host.network.closeIdle();
    emit(event);
  };
}
