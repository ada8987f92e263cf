import type { Files } from "../../host/host.ts";
import type { ByteRanges } from "../../run/byte-ranges.ts";
import { type Digests, promisedDigest } from "../../run/repos/file-listing.ts";
import type { Partial, Store, WantedBlob } from "../../store/store.ts";
import type { Reader } from "../send-file.ts";

/** A content on its way into the cache, as those see it who wait for it. */
export interface Arrival {
  readonly blob: WantedBlob;
  /** Where the bytes from this one on end, as far as they are there; the same byte where it is not. */
  reachedFrom(at: number): number;
  state(): ArrivalState;
  /** Bytes that were written proved wrong. Who has any of them has a false file. */
  wasWrong(): boolean;
  /** Ends with the next change of any of this. */
  changed(): Promise<void>;
  /** Of what came so far; null where nothing did. The arrival closes it. */
  reader(): Promise<Pick<Reader, "read"> | null>;
  /** Somebody waits for the byte: it comes before others. @returns what ends the wait */
  wait(at: number): () => void;
  /** Somebody, at this address, gets bytes of it. @returns what is called once they have enough */
  join(client: string): () => void;
}

export type ArrivalState =
  | { readonly kind: "arriving" }
  /** Its hash is right, and it has its place. */
  | { readonly kind: "verified" }
  | { readonly kind: "failed"; readonly error: unknown };

/** What fetches the content tells of it. */
export interface ArrivalControl extends Arrival {
  /** The store, which tells this arrival what it writes. */
  watch(store: Store): Store;
  /** The first byte that somebody waits for; each of several in its turn. */
  wantedAt(): number | null;
  /** For how many it comes. */
  waiters(): number;
  /** Who ever had bytes of it. */
  readonly clients: ReadonlySet<string>;
  end(state: Exclude<ArrivalState, { kind: "arriving" }>): void;
}

export function createArrival(files: Pick<Files, "open">, blob: WantedBlob): ArrivalControl {
  let state: ArrivalState = { kind: "arriving" };
  let partial: Partial | null = null;
  let wrong = false;
  let change = Promise.withResolvers<void>();
  let opening: Promise<Reader | null> | null = null;
  let joined = 0;
  let ended = false;
  const clients = new Set<string>();
  const waits = new Set<{ readonly at: number }>();

  const tell = (): void => {
    change.resolve();
    change = Promise.withResolvers<void>();
  };

  function watchPartial(opened: Partial): Partial {
    partial = opened;
    tell();
    return {
      ...opened,
      async write(bytes, position) {
        await opened.write(bytes, position);
        tell();
      },
    };
  }

  function watch(store: Store): Store {
    return {
      ...store,
      openPartial: async (own, noteBytes) => watchPartial(await store.openPartial(own, noteBytes)),
      async followHash(own, opened) {
        const hash = await store.followHash(own, opened);
        void judge(hash.digests).catch(() => {});
        return hash;
      },
      async keepPartial(own, opened) {
        await store.keepPartial(own, opened);
        verified();
      },
      async keepContent(own, content) {
        await store.keepContent(own, content);
        verified();
      },
    };
  }

  async function judge(digests: Promise<Digests>): Promise<void> {
    if (promisedDigest(blob.hash, await digests) === blob.hash.hex) return;
    wrong = true;
    tell();
  }

  function closeReader(): void {
    void opening?.then((reader) => reader?.close()).catch(() => {});
    opening = Promise.resolve(null);
  }

  function verified(): void {
    if (state.kind === "arriving") state = { kind: "verified" };
    tell();
  }

  return {
    blob,
    watch,
    reachedFrom(at) {
      const written: ByteRanges = partial?.written() ?? [];
      const range = written.find(({ start, end }) => start <= at && at < end);
      return range?.end ?? at;
    },
    state: () => state,
    wasWrong: () => wrong,
    changed: () => change.promise,
    async reader() {
      if (partial === null) return null;
      opening ??= files.open(partial.path, "r").catch(() => null);
      return opening;
    },
    wait(at) {
      const own = { at };
      waits.add(own);
      return () => void waits.delete(own);
    },
    waiters: () => joined,
    clients,
    join(client) {
      joined += 1;
      clients.add(client);
      tell();
      return () => {
        joined -= 1;
        tell();
        if (ended && joined === 0) closeReader();
      };
    },
    wantedAt() {
      const [first] = waits;
      if (first === undefined) return null;
      waits.delete(first);
      waits.add(first);
      return first.at;
    },
    end(last) {
      if (state.kind === "arriving") state = last;
      ended = true;
      tell();
      if (joined === 0) closeReader();
    },
  };
}
