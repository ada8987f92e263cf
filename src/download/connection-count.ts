/** How many connections are worth having, found out by trying. Pure: the clock comes in as numbers. */
export interface ConnectionCount {
  target(): number;
  /** When it last fell. */
  fewerSinceMs(): number;
  /** Called many times a second. */
  observe(seen: Seen): void;
  /** The server refused or asked us to slow down. */
  shrink(nowMs: number): void;
  /** It refused one more than these. */
  limit(connections: number, nowMs: number): void;
}

export interface Seen {
  /** So far, with something for each answer. */
  readonly doneBytes: number;
  /** Every connection that may be there had work. */
  readonly busy: boolean;
  /** All of it small files: their speed says nothing about that of large ones. */
  readonly small: boolean;
  readonly nowMs: number;
  readonly roundTripMs: number;
}

/** Long enough to tell more from less, whatever the round trip. */
const minWindowMs = 250;
const windowRoundTrips = 8;
/** On a slow link a quarter of a second says little, for it jitters: so many bytes are waited for, or a second. */
const minWindowBytes = 5_000_000;
const maxWindowMs = 1000;
/** New connections need to be opened and to come up to speed before they are measured. */
const minSettleMs = 100;
const settleRoundTrips = 3;
/** After a try that brought nothing, or a refusal, the count stays for so long; twice as long after each further one. */
const firstHoldMs = 15_000;
const maxHoldMs = 60_000;
/** Twice as many connections must bring at least so much more to be kept. */
const worthwhile = 1.2;
/** Twice as many that bring so much more were far too few: four times as many are tried next. */
const nearlyAll = 1.7;
/** Bytes a millisecond of a connection that nothing in the network holds back: more of them bring no more. */
const freeSpeed = 100_000;
/** All connections to a near server together: so much comes where nothing in the network holds each back. Fewer may bring as much then. */
const openSpeed = 160_000;
/** A server nearer than this answers at once, whatever it is asked for. */
const nearMs = 8;
/** Fewer connections must bring this share of what more of them brought. */
const asMuch = 0.75;
/** Less than this share of the best speed, for so long, is a collapse. */
const collapsedShare = 0.5;
const collapsedMs = 3000;

/**
 * Starts with `first` connections and adds to them as long as the throughput grows with them; a try that brought nothing is
 * taken back, and another comes after a while. A collapse and a refusal halve them. Where a near server sends as fast as we
 * take it, fewer are tried as long as they bring as much: each then asks for more at a time, and every request costs something.
 */
export function createConnectionCount({
  first,
  max,
}: {
  first: number;
  max: number;
}): ConnectionCount {
  let target = Math.min(first, max);
  let fewerSinceMs = Number.NEGATIVE_INFINITY;
  let trial: { from: number; speed: number } | null = null;
  /** Fewer connections than these brought this speed. */
  let fewer: { from: number; speed: number } | null = null;
  let mayBeFewer = true;
  let window: { startMs: number; startBytes: number } | null = null;
  let settledMs = Number.NEGATIVE_INFINITY;
  let holdUntilMs = Number.NEGATIVE_INFINITY;
  let holdMs = firstHoldMs;
  let wasSmall = false;
  let bestSpeed = 0;
  /** In the window before, with as many connections. */
  let lastSpeed = 0;
  let poorSinceMs: number | null = null;

  function change(to: number, nowMs: number, roundTripMs: number): void {
    const before = target;
    target = Math.max(1, Math.min(max, to));
    if (target < before) fewerSinceMs = nowMs;
    settledMs = nowMs + Math.max(minSettleMs, settleRoundTrips * roundTripMs);
    window = null;
    lastSpeed = 0;
    poorSinceMs = null;
  }

  function hold(nowMs: number): void {
    trial = null;
    holdUntilMs = nowMs + holdMs;
    holdMs = Math.min(maxHoldMs, holdMs * 2);
  }

  /** Tries fewer, or as many as before where these bring less. @returns whether that was decided */
  function weighFewer(speed: number, nowMs: number, roundTripMs: number): boolean {
    const { from: before, speed: most } = fewer ?? { from: target, speed: 0 };
    if (speed < most * asMuch) {
      fewer = null;
      mayBeFewer = false;
      change(before, nowMs, roundTripMs);
      return true;
    }
    const isOpen = speed >= openSpeed && roundTripMs < nearMs;
    if (!mayBeFewer || !isOpen || target === 1 || trial !== null) return fewer !== null;
    fewer = { from: before, speed: Math.max(speed, most) };
    change(Math.floor(target / 2), nowMs, roundTripMs);
    return true;
  }

  /** Small files are worth as many connections as before. */
  function giveUpFewer(nowMs: number, roundTripMs: number): void {
    if (fewer !== null) change(fewer.from, nowMs, roundTripMs);
    fewer = null;
  }

  function hasCollapsed(speed: number, nowMs: number): boolean {
    bestSpeed = Math.max(bestSpeed, speed);
    if (speed >= bestSpeed * collapsedShare) poorSinceMs = null;
    else poorSinceMs ??= nowMs;
    return poorSinceMs !== null && nowMs - poorSinceMs >= collapsedMs;
  }

  function assess(speed: number, nowMs: number, roundTripMs: number): void {
    if (!wasSmall && weighFewer(speed, nowMs, roundTripMs)) return;
    if (trial !== null && speed < trial.speed * worthwhile) {
      const { from } = trial;
      hold(nowMs);
      change(from, nowMs, roundTripMs);
      return;
    }
    if (trial === null && hasCollapsed(speed, nowMs)) {
      // If the link itself became slower, that is now the best.
      bestSpeed = 0;
      hold(nowMs);
      change(Math.floor(target / 2), nowMs, roundTripMs);
      return;
    }
    const gain = trial === null ? 0 : speed / trial.speed;
    if (trial !== null) holdMs = firstHoldMs;
    trial = null;
    bestSpeed = Math.max(bestSpeed, speed);
    const compared = Math.max(speed, lastSpeed);
    lastSpeed = speed;
    if (nowMs < holdUntilMs || target >= max || speed > target * freeSpeed) return;
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
        giveUpFewer(nowMs, roundTripMs);
      }
      if (!busy || nowMs < settledMs) {
        window = null;
        return;
      }
      window ??= { startMs: nowMs, startBytes: doneBytes };
      const elapsedMs = nowMs - window.startMs;
      if (elapsedMs < Math.max(minWindowMs, windowRoundTrips * roundTripMs)) return;
      const bytes = doneBytes - window.startBytes;
      if (!small && bytes < minWindowBytes && elapsedMs < maxWindowMs) return;
      const speed = bytes / elapsedMs;
      window = { startMs: nowMs, startBytes: doneBytes };
      // Silence says nothing about the number of connections.
      if (speed > 0) assess(speed, nowMs, roundTripMs);
    },
    limit(connections, nowMs) {
      fewer = null;
      if (connections >= target) return;
      // A try that is refused is over; one refusal after the other must not put the next try off forever.
      if (nowMs >= holdUntilMs) hold(nowMs);
      trial = null;
      bestSpeed = 0;
      change(connections, nowMs, 0);
    },
    shrink(nowMs) {
      fewer = null;
      const from = trial?.from ?? target;
      hold(nowMs);
      change(Math.floor(from / 2), nowMs, 0);
      bestSpeed = 0;
    },
  };
}
