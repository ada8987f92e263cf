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

/** What a client takes: a model, or an image. */
export interface ServedTo {
  /** Its address. */
  readonly client: string;
  /** `openai/whisper-tiny`, `ghcr.io/acme/core`. */
  readonly what: string;
  readonly kind: "model" | "image";
}

/** A client begins to take something. Of more than a few a second, not all are told. */
export interface ServeClient extends ServedTo {
  readonly type: "serve.client";
}

/** It has asked for nothing more of it for some seconds. */
export interface ServeSent extends ServedTo {
  readonly type: "serve.sent";
  readonly sentBytes: number;
  /** From its first request to the end of its last. */
  readonly elapsedMs: number;
}

export interface ServedNow extends ServedTo {
  readonly sentBytes: number;
  readonly bytesPerSecond: number;
  /** That are being answered. */
  readonly requests: number;
}

export interface FetchedNow {
  /** The file or the image that the Hub or a registry is asked for. */
  readonly what: string;
  readonly receivedBytes: number;
  /** Null where nobody knows. */
  readonly totalBytes: number | null;
  readonly bytesPerSecond: number;
}

/** Who takes what, and what is fetched for them; at most twice a second, and only while something moves. */
export interface ServeProgress {
  readonly type: "serve.progress";
  /** The busiest first. */
  readonly clients: readonly ServedNow[];
  /** How many there are besides. */
  readonly moreClients: number;
  /** Since the server began. */
  readonly sentBytes: number;
  readonly bytesPerSecond: number;
  readonly fetches: readonly FetchedNow[];
  readonly moreFetches: number;
  readonly fetchedBytes: number;
  readonly fetchBytesPerSecond: number;
}

export type ServeEvent =
  | ServeListening
  | ServeFetched
  | ServeAnnounced
  | ServeClient
  | ServeSent
  | ServeProgress;
