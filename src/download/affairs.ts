/** What is under way, so that nothing is left behind at the end. */
export interface Affairs {
  /** Errors go to `onError`, and `after` is called whatever happened. */
  follow(affair: Promise<void>, onError: (error: unknown) => void, after: () => void): void;
  count(): number;
  /** Ends when nothing is under way any more. */
  settled(): Promise<void>;
}

/** Lanes, and files that are finished aside: small ones are in memory meanwhile. */
export const mostAffairs = 96;

export function createAffairs(): Affairs {
  const affairs = new Set<Promise<void>>();
  return {
    follow(affair, onError, after) {
      const kept = affair.catch(onError).finally(() => {
        affairs.delete(kept);
        after();
      });
      affairs.add(kept);
    },
    count: () => affairs.size,
    async settled() {
      while (affairs.size > 0) await Promise.all(affairs);
    },
  };
}
