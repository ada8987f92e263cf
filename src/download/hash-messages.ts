/** From the engine to the worker: hash the file up to here, or forget it. */
export type HashOrder =
  | {
      readonly type: "hash";
      readonly id: number;
      readonly path: string;
      readonly upTo: number;
      readonly sizeBytes: number;
      readonly gitSha1: boolean;
    }
  | { readonly type: "forget"; readonly id: number };

/** From the worker: the digests of a whole file, or why it can't be read. */
export type HashAnswer =
  | { readonly type: "hashed"; readonly id: number; readonly digests: Digests }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

/** In hex; `gitSha1` only where it was asked for. */
export interface Digests {
  readonly sha256: string;
  readonly gitSha1: string | null;
}
