import type { Secret } from "../progress/secret.ts";

/** What a run knows of the Hub's addresses and of its own token, whoever asks them. */
export interface EndpointMemory {
  /** Until when one is asked last, by its address. */
  readonly restUntilMs: Map<string, number>;
  /** The one that is asked first by now; null while none was left. */
  inUse: string | null;
  /** Tokens that are no longer sent. */
  readonly refusedTokens: Set<Secret>;
}

export function createEndpointMemory(): EndpointMemory {
  return { restUntilMs: new Map(), inUse: null, refusedTokens: new Set() };
}
