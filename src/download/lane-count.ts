/** How many connections are worth having, found out by trying. Pure: the clock comes in as numbers. */
export interface LaneCount {
  target(): number;
  /** Tells how many bytes came so far, and whether every lane had work; called a few times a second. */
  observe(receivedBytes: number, busy: boolean, nowMs: number): void;
  /** The server refused or asked us to slow down. */
  shrink(nowMs: number): void;
}

const windowMs = 500;
/** After a try that brought nothing, or a refusal, the count stays for so long. */
const restMs = 15_000;
/** A growth by half must bring at least so much more to be kept. */
const worthwhile = 1.1;

/**
 * Starts with `first` lanes and doubles them as long as the throughput of a window grows with them;
 * a try that brought nothing is taken back, and another comes after a rest.
 */
export function createLaneCount({ first, most }: { first: number; most: number }): LaneCount {
  let target = Math.min(first, most);
  let before: { target: number; bytesPerMs: number } | null = null;
  let windowStartMs: number | null = null;
  let windowStartBytes = 0;
  let restUntilMs = 0;

  const startWindow = (bytes: number, nowMs: number): void => {
    windowStartMs = nowMs;
    windowStartBytes = bytes;
  };

  return {
    target: () => target,
    observe(receivedBytes, busy, nowMs) {
      if (!busy || windowStartMs === null) {
        startWindow(receivedBytes, nowMs);
        return;
      }
      if (nowMs - windowStartMs < windowMs) return;
      const bytesPerMs = (receivedBytes - windowStartBytes) / (nowMs - windowStartMs);
      startWindow(receivedBytes, nowMs);
      if (nowMs < restUntilMs || bytesPerMs <= 0) return;
      if (before !== null && bytesPerMs < before.bytesPerMs * worthwhile) {
        target = before.target;
        before = null;
        restUntilMs = nowMs + restMs;
        return;
      }
      if (target >= most) {
        before = null;
        return;
      }
      before = { target, bytesPerMs };
      target = Math.min(most, target * 2);
    },
    shrink(nowMs) {
      target = Math.max(1, Math.floor((before?.target ?? target) / 2));
      before = null;
      restUntilMs = nowMs + restMs;
      windowStartMs = null;
    },
  };
}
