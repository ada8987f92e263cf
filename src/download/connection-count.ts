/** How many connections are worth having, found out by trying. Pure: the clock comes in as numbers. */
export interface LaneCount {
  target(): number;
  /** When it last fell. */
  fewerSinceMs(): number;
  /** Called many times a second. */
  observe(seen: Seen): void;
  /** The server refused or asked us to slow down. */
  shrink(nowMs: number): void;
  /** It refused one more than these. */
  limit(lanes: number, nowMs: number): void;
}

export interface Seen {
  /** So far, with something for each answer. */
  readonly doneBytes: number;
  /** Every lane that may be there had work. */
  readonly busy: boolean;
  /** All of it small files: their speed says nothing about that of large ones. */
  readonly small: boolean;
  readonly nowMs: number;
  readonly roundTripMs: number;
}

/** Long enough to tell more from less, whatever the round trip. */
const leastWindowMs = 250;
const windowRoundTrips = 8;
/** On a slow link a quarter of a second says little, for it jitters: so many bytes are waited for, or a second. */
const tellingBytes = 5_000_000;
const longestWindowMs = 1000;
/** New connections need to be opened and to come up to speed before they are measured. */
const leastSettleMs = 100;
const settleRoundTrips = 3;
/** After a try that brought nothing, or a refusal, the count stays for so long; twice as long after each further one. */
const firstRestMs = 15_000;
const longestRestMs = 60_000;
/** Twice as many lanes must bring at least so much more to be kept. */
const worthwhile = 1.2;
/** Twice as many that bring so much more were far too few: four times as many are tried next. */
const nearlyAll = 1.7;
/** Bytes a millisecond of a lane that nothing in the network holds back: more of them bring no more. */
const freeSpeed = 100_000;
/** Less than this share of the best speed, for so long, is a collapse. */
const collapsedShare = 0.5;
const collapsedMs = 3000;

/**
 * Starts with `first` lanes and adds to them as long as the throughput grows with them; a try that brought nothing is
 * taken back, and another comes after a rest. A collapse and a refusal halve them.
 */
export function createLaneCount({ first, most }: { first: number; most: number }): LaneCount {
  let target = Math.min(first, most);
  let fewerSinceMs = Number.NEGATIVE_INFINITY;
  let trial: { from: number; speed: number } | null = null;
  let window: { startMs: number; startBytes: number } | null = null;
  let settledMs = Number.NEGATIVE_INFINITY;
  let restUntilMs = Number.NEGATIVE_INFINITY;
  let restMs = firstRestMs;
  let wasSmall = false;
  let bestSpeed = 0;
  /** In the window before, with as many lanes. */
  let lastSpeed = 0;
  let poorSinceMs: number | null = null;

  function change(to: number, nowMs: number, roundTripMs: number): void {
    const before = target;
    target = Math.max(1, Math.min(most, to));
    if (target < before) fewerSinceMs = nowMs;
    settledMs = nowMs + Math.max(leastSettleMs, settleRoundTrips * roundTripMs);
    window = null;
    lastSpeed = 0;
    poorSinceMs = null;
  }

  function rest(nowMs: number): void {
    trial = null;
    restUntilMs = nowMs + restMs;
    restMs = Math.min(longestRestMs, restMs * 2);
  }

  function hasCollapsed(speed: number, nowMs: number): boolean {
    bestSpeed = Math.max(bestSpeed, speed);
    if (speed >= bestSpeed * collapsedShare) poorSinceMs = null;
    else poorSinceMs ??= nowMs;
    return poorSinceMs !== null && nowMs - poorSinceMs >= collapsedMs;
  }

  function judge(speed: number, nowMs: number, roundTripMs: number): void {
    if (trial !== null && speed < trial.speed * worthwhile) {
      const { from } = trial;
      rest(nowMs);
      change(from, nowMs, roundTripMs);
      return;
    }
    if (trial === null && hasCollapsed(speed, nowMs)) {
      // If the link itself became slower, that is now the best.
      bestSpeed = 0;
      rest(nowMs);
      change(Math.floor(target / 2), nowMs, roundTripMs);
      return;
    }
    const gain = trial === null ? 0 : speed / trial.speed;
    if (trial !== null) restMs = firstRestMs;
    trial = null;
    bestSpeed = Math.max(bestSpeed, speed);
    const compared = Math.max(speed, lastSpeed);
    lastSpeed = speed;
    if (nowMs < restUntilMs || target >= most || speed > target * freeSpeed) return;
    trial = { from: target, speed: compared };
    change(target * (gain >= nearlyAll ? 4 : 2), nowMs, roundTripMs);
  }

  return {
    target: () => target,
    fewerSinceMs: () => fewerSinceMs,
    observe({ doneBytes, busy, small, nowMs, roundTripMs }) {
      if (busy && small !== wasSmall) {
        wasSmall = small;
        window = trial = null;
        bestSpeed = 0;
      }
      if (!busy || nowMs < settledMs) {
        window = null;
        return;
      }
      window ??= { startMs: nowMs, startBytes: doneBytes };
      const elapsedMs = nowMs - window.startMs;
      if (elapsedMs < Math.max(leastWindowMs, windowRoundTrips * roundTripMs)) return;
      const bytes = doneBytes - window.startBytes;
      if (!small && bytes < tellingBytes && elapsedMs < longestWindowMs) return;
      const speed = bytes / elapsedMs;
      window = { startMs: nowMs, startBytes: doneBytes };
      // Silence says nothing about the number of lanes.
      if (speed > 0) judge(speed, nowMs, roundTripMs);
    },
    limit(lanes, nowMs) {
      if (lanes >= target) return;
      // A try that is refused is over; one refusal after the other must not put the next try off for ever.
      if (nowMs >= restUntilMs) rest(nowMs);
      trial = null;
      bestSpeed = 0;
      change(lanes, nowMs, 0);
    },
    shrink(nowMs) {
      const from = trial?.from ?? target;
      rest(nowMs);
      change(Math.floor(from / 2), nowMs, 0);
      bestSpeed = 0;
    },
  };
}
