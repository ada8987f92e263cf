import type { Source } from "../source.ts";

/** A Hub that we may ask. */
export interface Hub extends Source {
  /** Whose token this is. */
  whoAmI(signal: AbortSignal): Promise<{ name: string }>;
  resolveUrl(repo: string, commit: string, path: string): string;
}
