import type { CheckStatus } from "../run/events/machine.ts";
import type { Failure } from "../run/failure.ts";

/** What a check came to. */
export interface Finding {
  readonly status: CheckStatus;
  readonly found: string;
  /** The fix: a command, or a sentence. */
  readonly remedy?: string;
  /** What it means for the run, where it is a failure with a code. */
  readonly failure?: Failure;
}

/** The finding that is a failure of its own, in its words. */
export function failedBy(failure: Failure): Finding {
  const { message, hint: remedy } = failure;
  return { status: "failed", found: message.replace(/\.$/u, ""), remedy, failure };
}
