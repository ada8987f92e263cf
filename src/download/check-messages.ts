import type { Digests } from "./hash-messages.ts";

/** To a check worker: hash this file. One at a time. */
export interface CheckOrder {
  readonly path: string;
  /** As the listing has it; git's hash covers it. */
  readonly sizeBytes: number;
  readonly gitSha1: boolean;
}

/** From the worker: how far it is, the digests of the whole file, or the system's code for why it can't be read. */
export type CheckAnswer =
  | { readonly type: "reached"; readonly bytes: number }
  | { readonly type: "hashed"; readonly bytes: number; readonly digests: Digests }
  | { readonly type: "failed"; readonly code: string };
