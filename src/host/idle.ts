/**
 * Tells silence from a program that was stopped (Ctrl-Z and fg) or that had no time: its timers come before the bytes that
 * wait for it. So a time limit is watched in two halves, and only the second in a row without a byte counts.
 */
export interface IdleWatch {
  readonly halfMs: number;
  /** A half is over. @returns whether the one before brought nothing either */
  isIdle(bytesRead: number): boolean;
}

export function createIdleWatch(idleTimeoutMs: number): IdleWatch {
  let seenBytes: number | null = null;
  return {
    halfMs: Math.ceil(idleTimeoutMs / 2),
    isIdle(bytesRead) {
      const silent = bytesRead === seenBytes;
      seenBytes = bytesRead;
      return silent;
    },
  };
}
