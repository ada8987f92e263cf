/** `heros serve` answers from now on. */
export interface ServeListening {
  readonly type: "serve.listening";
  /** For clients on this machine. */
  readonly url: string;
  /** As it was told to listen: `127.0.0.1:7171`. */
  readonly listen: string;
  /** Who can connect: programs on this machine alone, or whoever reaches it over a network. */
  readonly reach: "machine" | "network";
  /** The Hub cache whose models it gives. */
  readonly folder: string;
  /** The Hub that is asked for what is missing; null for none. */
  readonly upstream: string | null;
  /** Clients that have one of its tokens can get gated models. */
  readonly tokens: number;
  /** SHA-256 of its certificate, in hex; null without TLS. */
  readonly fingerprint: string | null;
}

/** A file that a client asked for, and that was missing, is in the cache now. */
export interface ServeFetched {
  readonly type: "serve.fetched";
  readonly repo: string;
  readonly path: string;
  readonly bytes: number;
  readonly elapsedMs: number;
}

/** Other machines of the network can find it by multicast DNS. */
export interface ServeAnnounced {
  readonly type: "serve.announced";
  /** What it is called there; null where no network can be told, which is tried again. */
  readonly name: string | null;
}

export type ServeEvent = ServeListening | ServeFetched | ServeAnnounced;
