import type { Host } from "../../host/host.ts";
import type { Emit } from "../../run/event.ts";
import type { ModelLabel } from "../../run/events/download.ts";
import { createRate } from "../../run/state/rate.ts";

/** With the last one, five a second. */
const progressMs = 250;

/** Folds what was sent into at most five `push.progress` a second. */
export function createPushProgress(
  { host, emit }: { readonly host: Pick<Host, "clock">; readonly emit: Emit },
  models: readonly { readonly label: ModelLabel; readonly totalBytes: number }[],
) {
  const sentOf = new Map<string, number>();
  const finished = new Set<string>();
  const totalBytes = models.reduce((sum, model) => sum + model.totalBytes, 0);
  const startMs = host.clock.monotonicMs();
  const rate = createRate(0, startMs);
  let sentBytes = 0;
  let toldMs = Number.NEGATIVE_INFINITY;

  const tell = (nowMs: number): void => {
    toldMs = nowMs;
    const bytesPerSecond = Math.round(rate.bytesPerSecond(nowMs));
    const etaSeconds = rate.etaSeconds(totalBytes - sentBytes, nowMs);
    emit({
      type: "push.progress",
      sentBytes,
      totalBytes,
      bytesPerSecond,
      etaSeconds: etaSeconds === null ? null : Math.round(etaSeconds * 10) / 10,
      models: models.map(({ label, totalBytes: ownBytes }) => {
        const sent = sentOf.get(label.id) ?? 0;
        const state = finished.has(label.id) ? "ready" : sent > 0 ? "downloading" : "waiting";
        const bytes = { receivedBytes: sent, verifiedBytes: sent, totalBytes: ownBytes };
        // One model is sent after the other.
        const speed = state === "downloading" ? bytesPerSecond : 0;
        return { ...label, state, ...bytes, bytesPerSecond: speed, etaSeconds: null } as const;
      }),
    });
  };
  return {
    sent(id: string, bytes: number): void {
      sentBytes += bytes;
      sentOf.set(id, (sentOf.get(id) ?? 0) + bytes);
      const nowMs = host.clock.monotonicMs();
      rate.record(sentBytes, nowMs);
      if (nowMs - toldMs >= progressMs) tell(nowMs);
    },
    done: (id: string) => void finished.add(id),
    end(): void {
      if (totalBytes > 0) tell(host.clock.monotonicMs());
    },
  };
}
