/** Whether a person wants the download to rest. Whoever reads the keys turns it, and the download looks at it. */
export interface PauseSwitch {
  isPaused(): boolean;
  toggle(): void;
}

export function createPauseSwitch(): PauseSwitch {
  let paused = false;
  return {
    isPaused: () => paused,
    toggle() {
      paused = !paused;
    },
  };
}
