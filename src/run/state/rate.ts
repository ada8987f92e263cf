/**
 * Speed as a double exponentially weighted mean, normalised at the start, as indicatif's estimator computes it
 * (github.com/console-rs/indicatif, src/state.rs). The clock comes in as numbers, so that a recording replays.
 */
export interface Rate {
  /** Tells how many bytes there are in all by now. A smaller number than before starts the mean over. */
  record(totalBytes: number, nowMs: number): void;
  bytesPerSecond(nowMs: number): number;
  /** Seconds until the rest has come; null for the first 3 s, and when nothing moves. */
  etaSeconds(remainingBytes: number, nowMs: number): number | null;
}

/** After this many seconds of silence a rate weighs a tenth. */
const weightSeconds = 15;
const etaHiddenMs = 3000;
/** Silence that a healthy connection shows now and then. */
const silenceStartsMs = 1000;
/** Silence after which nothing moves, whatever the mean says: told, and seen, within five seconds. */
const silenceEndsMs = 4500;

export function createRate(startBytes: number, startMs: number): Rate {
  let beganMs = startMs;
  let previousMs = startMs;
  let previousBytes = startBytes;
  let movedMs = startMs;
  let smoothed = 0;
  let doubleSmoothed = 0;
  /** As they were with the last byte: what silence did to them is no speed. */
  let atMove = { smoothed, doubleSmoothed };

  const bytesPerSecond = (nowMs: number): number => {
    const sinceStart = nowMs - beganMs;
    if (sinceStart <= 0) return 0;
    const mean = (doubleSmoothed * weight(nowMs - previousMs)) / (1 - weight(sinceStart));
    return mean * fade(nowMs - movedMs);
  };

  return {
    record(totalBytes, nowMs) {
      if (totalBytes < previousBytes) {
        beganMs = previousMs = movedMs = nowMs;
        previousBytes = totalBytes;
        smoothed = doubleSmoothed = 0;
        atMove = { smoothed, doubleSmoothed };
        return;
      }
      if (totalBytes > previousBytes && nowMs - movedMs > silenceEndsMs) {
        // After an outage, or a stop of this program, it goes on from the speed before.
        beganMs += nowMs - movedMs;
        ({ smoothed, doubleSmoothed } = atMove);
        movedMs = previousMs = nowMs;
        previousBytes = totalBytes;
        return;
      }
      const elapsedMs = nowMs - previousMs;
      if (elapsedMs <= 0) return;
      const current = ((totalBytes - previousBytes) / elapsedMs) * 1000;
      const kept = weight(elapsedMs);
      smoothed = smoothed * kept + current * (1 - kept);
      const normalised = smoothed / (1 - weight(nowMs - beganMs));
      doubleSmoothed = doubleSmoothed * kept + normalised * (1 - kept);
      if (totalBytes > previousBytes) {
        movedMs = nowMs;
        atMove = { smoothed, doubleSmoothed };
      }
      previousMs = nowMs;
      previousBytes = totalBytes;
    },
    bytesPerSecond,
    etaSeconds(remainingBytes, nowMs) {
      if (remainingBytes <= 0) return 0;
      if (nowMs - beganMs < etaHiddenMs) return null;
      const silentMs = nowMs - movedMs;
      if (silentMs >= silenceEndsMs) return null;
      // Silence makes the speed fall, and says nothing of how long the rest takes.
      const speed =
        silentMs <= silenceStartsMs
          ? bytesPerSecond(nowMs)
          : atMove.doubleSmoothed / (1 - weight(movedMs - beganMs));
      return speed >= 1 ? remainingBytes / speed : null;
    },
  };
}

function weight(elapsedMs: number): number {
  return 0.1 ** (elapsedMs / 1000 / weightSeconds);
}

/** 1 while bytes come, 0 after a few seconds without any. */
function fade(silentMs: number): number {
  const over = (silentMs - silenceStartsMs) / (silenceEndsMs - silenceStartsMs);
  return 1 - Math.min(1, Math.max(0, over));
}
