/**
 * Maps with at most `width` tasks under way; the results are in order. The first error ends it, and the signal that
 * each task was given with it: none goes on unseen.
 */
export async function sideBySide<Item, Result>(
  items: readonly Item[],
  width: number,
  signal: AbortSignal,
  task: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  let next = 0;
  const walk = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      either.throwIfAborted();
      if (item !== undefined) results[index] = await task(item, either);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(width, items.length) }, walk));
    return results;
  } finally {
    over.abort();
  }
}

/** What a promise gives, or AbortError as soon as the signal fires. */
export async function untilAborted<T>(event: Promise<T>, signal: AbortSignal): Promise<T> {
  // Whatever becomes of it later, nobody waits for it any longer.
  if (signal.aborted) event.catch(() => {});
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const value = await Promise.race([event, promise]);
    signal.throwIfAborted();
    return value;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What a task gives, or the error of what it goes on under as soon as there is one: the task's signal fires with it. */
export async function unlessFailed<Result>(
  condition: Promise<unknown>,
  signal: AbortSignal,
  task: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const over = new AbortController();
  const { promise: failed, reject } = Promise.withResolvers<never>();
  condition.catch(reject);
  const working = task(AbortSignal.any([signal, over.signal]));
  // Whatever becomes of it later, nobody waits for it any longer.
  working.catch(() => {});
  try {
    return await Promise.race([working, failed]);
  } finally {
    over.abort();
  }
}

export interface Turns {
  /** Works once it is its turn. @param work is told how many others work. @throws what it throws; AbortError */
  take<Result>(signal: AbortSignal, work: (others: number) => Promise<Result>): Promise<Result>;
}

/** Lets so many work at a time, in the order in which they came. */
export function createTurns(most: number): Turns {
  const waiting: (() => void)[] = [];
  let active = 0;

  async function wait(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    try {
      await untilAborted(promise, signal);
    } catch (error) {
      const place = waiting.indexOf(resolve);
      // Its turn had come at the same moment: the next one has it.
      if (place === -1) pass();
      else waiting.splice(place, 1);
      throw error;
    }
  }

  function pass(): void {
    const next = waiting.shift();
    if (next === undefined) active -= 1;
    else next();
  }

  return {
    async take(signal, work) {
      signal.throwIfAborted();
      if (active >= most) await wait(signal);
      else active += 1;
      try {
        return await work(active - 1);
      } finally {
        pass();
      }
    },
  };
}
