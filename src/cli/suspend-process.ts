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
