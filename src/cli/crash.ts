/** What was thrown where nobody waits for it: in a timer, by a stream, in a promise that was left alone. */
export interface Crash {
  /** Rejects with the first of it; never resolves. */
  readonly caught: Promise<never>;
  readonly happened: () => boolean;
}

type ProcessEvents = Pick<NodeJS.Process, "on">;

/** From now on the program ends by its own closing record, not by Node's stack. What is thrown after the first is the first one's wake. */
export function watchForCrash(events: ProcessEvents): Crash {
  const { promise: caught, reject } = Promise.withResolvers<never>();
  let crashed = false;
  const note = (error: unknown): void => {
    crashed = true;
    reject(error);
  };
  caught.catch(() => {});
  events.on("uncaughtException", note).on("unhandledRejection", note);
  return { caught, happened: () => crashed };
}

/** Nothing watches. */
export const noCrash: Crash = { caught: new Promise(() => {}), happened: () => false };
