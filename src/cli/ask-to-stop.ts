/** Asks a process to stop, as Ctrl-C would; it may have ended by itself meanwhile. */
export function askToStop(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
