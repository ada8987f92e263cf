/** A stopped process sees neither pass: both are long over when it goes on. */
const unstoppableMs = 150;

/**
 * Stops this process and its group, as the terminal does at Ctrl-Z: a script that started heros must stop with it.
 * Resolves when it goes on. Where nobody could bring it back (an orphaned process group) the system ignores the signal:
 * then it resolves at once.
 */
export function suspendProcess(): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      process.off("SIGCONT", done);
      resolve();
    };
    const timer = setTimeout(done, unstoppableMs);
    process.on("SIGCONT", done);
    process.kill(0, "SIGTSTP");
  });
}
