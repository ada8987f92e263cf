export interface AnnieModel {
  readonly status: string;
  readonly source?: string;
  readonly progress?: string;
}

/** Her health changed: told on every change, not on every poll. */
export interface AnnieHealth {
  readonly type: "annie.health";
  /** `unreachable` until she answers; then her own word: `starting`, `healthy`, … */
  readonly status: string;
  readonly capabilities: Readonly<Record<string, boolean>>;
  readonly models: Readonly<Record<string, AnnieModel>>;
}

export interface AnnieOnline {
  readonly type: "annie.online";
  /** To the first of her steady answers, from the start of the run or from yes, whichever came later. */
  readonly elapsedMs: number;
  readonly url: string;
}

export interface CapabilityReady {
  readonly type: "capability.ready";
  /** As in the health contract: `voice_stt`. */
  readonly name: string;
  /** "Annie can now understand speech." */
  readonly message: string;
}

export type AnnieEvent = AnnieHealth | AnnieOnline | CapabilityReady;
