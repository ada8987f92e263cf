import type { Emit } from "../run/event.ts";
import type { PauseSwitch } from "../run/run-control.ts";
import type { BlobTask } from "./blob-task.ts";
import { type Connection, ConnectionReassigned } from "./connection.ts";

export interface Pause {
  /** @throws what the disk refused */
  tick(connections: ReadonlySet<Connection>): void;
}

/**
 * Pauses the download while its switch says so. Connections of large files are let go, and what they received is written; a
 * small file, which is in memory alone, comes to its end. `download.paused` is told once no connection is left and all that
 * came is synced and journaled.
 */
export function createPause({
  pause,
  tasks,
  emit,
  tellAll,
  onPaused,
}: {
  readonly pause: PauseSwitch;
  readonly tasks: readonly BlobTask[];
  readonly emit: Emit;
  /** Tells how far everything is. */
  readonly tellAll: () => void;
  /** Right before `download.paused` is told. */
  readonly onPaused?: (() => void) | undefined;
}): Pause {
  let state: "going" | "stopping" | "paused" = "going";
  let refused: { readonly error: unknown } | null = null;

  async function makeSafe(): Promise<void> {
    await Promise.all(tasks.map(async ({ open }) => open?.partial.sync()));
    if (state !== "stopping") return;
    state = "paused";
    tellAll();
    onPaused?.();
    emit({ type: "download.paused" });
  }

  function resume(): void {
    if (state === "paused") emit({ type: "download.resumed" });
    state = "going";
    // Nobody tried meanwhile: that time is no fault of the network's.
    for (const task of tasks) task.failingSinceMs = null;
  }

  return {
    tick(connections) {
      if (refused !== null) throw refused.error;
      if (!pause.isPaused()) {
        if (state !== "going") resume();
        return;
      }
      for (const connection of connections) {
        if (!connection.task.small && !connection.stop.signal.aborted)
          connection.stop.abort(new ConnectionReassigned("paused"));
      }
      if (state !== "going" || connections.size > 0) return;
      state = "stopping";
      makeSafe().catch((error: unknown) => {
        refused = { error };
      });
    },
  };
}
