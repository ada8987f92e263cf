/** What a run knows of the Hub's addresses, whoever asks them. */
export interface EndpointMemory {
  /** Until when one is asked last, by its address. */
  readonly restUntilMs: Map<string, number>;
  /** The one that is asked first by now; null while none was left. */
  inUse: string | null;
}

export function createEndpointMemory(): EndpointMemory {
  return { restUntilMs: new Map(), inUse: null };
}
