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

/** A stopped process sees neither pass: both are long over when it goes on. */
const unstoppableMs = 150;

/**
 * Stops this process: at Ctrl-Z with its group, as the terminal does, so that a script that started heros stops with it.
 * Resolves when it goes on. Where nobody could bring it back (an orphaned process group) the system ignores the signal:
 * then it resolves at once.
 */
export function suspendProcess(whom: "group" | "program"): Promise<void> {
  // Whoever hears the signal keeps the system from acting on it.
  const listeners = process.listeners("SIGTSTP");
  process.removeAllListeners("SIGTSTP");
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      process.off("SIGCONT", done);
      for (const listener of listeners) process.on("SIGTSTP", listener);
      resolve();
    };
    const timer = setTimeout(done, unstoppableMs);
    process.on("SIGCONT", done);
    process.kill(whom === "group" ? 0 : process.pid, "SIGTSTP");
  });
}

/** Hears `kill -TSTP`: what listens gives the terminal back, then suspends the program. @returns what ends it */
export function onSuspendAsked(listener: () => void): () => void {
  process.on("SIGTSTP", listener);
  return () => void process.off("SIGTSTP", listener);
}
